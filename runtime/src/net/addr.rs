//! Addresses, and the names they are looked up by.

use std::io;
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::Location;
use std::vec;

use crate::context;
use crate::executor::run_own;
use crate::runtime::in_runtime;

/// Looks up the addresses of a host: `("example.org", 80)`, `"localhost:80"`, or an address that is one already.
///
/// The system's resolver blocks, so a name is looked up on a thread; on one of the runtime's own, so that a
/// blocking pool full of other jobs does not hold it up (asyncio's `getaddrinfo` shares its executor with them).
///
/// # Errors
///
/// If the name or the port is malformed or cannot be resolved, and if the runtime is shut down.
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped; a look-up under way ends by itself.
///
/// # Panics
///
/// If a name has to be looked up outside of a runtime.
///
/// # Examples
///
/// ```
/// #[windlass::main]
/// async fn main() -> std::io::Result<()> {
///     let mut addresses = windlass::net::lookup_host("127.0.0.1:80").await?;
///     assert_eq!(addresses.next().unwrap().port(), 80);
///     Ok(())
/// }
/// ```
#[doc(alias = "getaddrinfo")]
#[track_caller]
pub fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>> {
    let location = Location::caller();
    let target = host.target();
    async move {
        match target {
            Target::Known(addresses) => Ok(addresses.into_iter()),
            Target::Name(name) => resolve(name, location).await,
            Target::Malformed(error) => Err(error),
        }
    }
}

async fn resolve(name: Name, location: &'static Location<'static>) -> io::Result<vec::IntoIter<SocketAddr>> {
    let look_up = move || net::ToSocketAddrs::to_socket_addrs(&(&*name.host, name.port));
    let looked_up = in_runtime(context::with_runtime(|runtime| Some(run_own(runtime?, look_up, location))));
    looked_up.await.map_err(io::Error::other)?
}

/// What can be made into one or more addresses, by a look-up if need be; std's trait of that name, for
/// [`lookup_host`] and what takes an address in this crate. It is implemented for the same types and for no
/// others.
///
/// # Examples
///
/// Everything that names an address:
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr, SocketAddr};
/// use windlass::net::{ToSocketAddrs, lookup_host};
///
/// async fn first(address: impl ToSocketAddrs) -> std::io::Result<SocketAddr> {
///     lookup_host(address).await?.next().ok_or_else(|| std::io::Error::other("no address"))
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let expected = SocketAddr::from(([127, 0, 0, 1], 80));
/// assert_eq!(first("127.0.0.1:80").await?, expected);
/// assert_eq!(first(("127.0.0.1", 80)).await?, expected);
/// assert_eq!(first(String::from("127.0.0.1:80")).await?, expected);
/// assert_eq!(first((IpAddr::V4(Ipv4Addr::LOCALHOST), 80)).await?, expected);
/// assert_eq!(first(expected).await?, expected);
/// assert_eq!(first(&[expected][..]).await?, expected);
/// # Ok(())
/// # }
/// ```
pub trait ToSocketAddrs: Sealed {}

use sealed::Sealed;

mod sealed {
    pub trait Sealed {
        #[doc(hidden)]
        fn target(&self) -> super::Target;
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub enum Target {
    Known(Vec<SocketAddr>),
    Name(Name),
    Malformed(io::Error),
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Name {
    host: Box<str>,
    port: u16,
}

macro_rules! known {
    ($($address:ty),*) => {$(
        impl ToSocketAddrs for $address {}
        impl Sealed for $address {
            fn target(&self) -> Target {
                Target::Known(vec![SocketAddr::from(*self)])
            }
        }
    )*};
}

known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for [SocketAddr] {}
impl Sealed for [SocketAddr] {
    fn target(&self) -> Target {
        Target::Known(self.to_vec())
    }
}

impl ToSocketAddrs for (&str, u16) {}
impl Sealed for (&str, u16) {
    fn target(&self) -> Target {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(address) => (address, port).target(),
            Err(_) => Target::Name(Name { host: host.into(), port }),
        }
    }
}

impl ToSocketAddrs for (String, u16) {}
impl Sealed for (String, u16) {
    fn target(&self) -> Target {
        (&*self.0, self.1).target()
    }
}

impl ToSocketAddrs for str {}
impl Sealed for str {
    fn target(&self) -> Target {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return address.target();
        }
        match self.rsplit_once(':') {
            None => malformed(format!("{self:?} has no port: write \"host:port\"")),
            Some((host, port)) => match port.parse() {
                Ok(port) => (host, port).target(),
                Err(_) => malformed(format!("{port:?} in {self:?} is not a port, a number up to 65535")),
            },
        }
    }
}

impl ToSocketAddrs for String {}
impl Sealed for String {
    fn target(&self) -> Target {
        (**self).target()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn target(&self) -> Target {
        (**self).target()
    }
}

fn malformed(message: String) -> Target {
    Target::Malformed(io::Error::new(io::ErrorKind::InvalidInput, message))
}
