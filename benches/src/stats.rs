//! Medians, their intervals and geometric means.

/// The median of some values with the interval it lies in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The middle value, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The interval of the median; see [`Median::of`].
    pub interval: (f64, f64),
    /// How likely the interval covers the true median: at least 0.95 from six values on.
    pub coverage: f64,
}

impl Median {
    /// The median of `values` and its 95% interval from order statistics, which assumes nothing of how the values are
    /// distributed: of n sorted values, the true median lies between the k-th smallest and the k-th largest unless
    /// fewer than k of them fell on one side of it, which is as likely as fewer than k heads in n throws of a coin.
    /// The interval is that of the largest k with a coverage of 95%. Fewer than six values have none; for those it is
    /// the whole range, and `coverage` says how much that is worth.
    ///
    /// Gives `None` for no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let n = sorted.len();
        let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
        let (rank, coverage) = interval_rank(n);
        Some(Self { median, min, max, interval: (sorted[rank - 1], sorted[n - rank]), coverage })
    }
}

/// The largest rank whose order-statistic interval of the median covers 95%, at least 1, and what it covers.
fn interval_rank(n: usize) -> (usize, f64) {
    let mut rank = 1;
    // P(fewer than `rank` heads in n throws), and P(exactly `rank` heads).
    let mut below = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut exactly = below * n as f64;
    while rank < n / 2 && below + exactly <= 0.025 {
        below += exactly;
        exactly *= (n - rank) as f64 / (rank + 1) as f64;
        rank += 1;
    }
    (rank, 1.0 - 2.0 * below)
}

/// The smallest of `sorted` that no more than a share of `1 - p` of them exceed; `None` for none.
pub fn percentile(sorted: &[u64], p: f64) -> Option<f64> {
    let rank = (sorted.len() as f64 * p).ceil() as usize;
    sorted.get(rank.max(1) - 1).map(|value| *value as f64)
}

/// The geometric mean of positive values; `None` for none.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty())
        .then(|| (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_and_even_counts() {
        assert_eq!(Median::of(&[3.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(Median::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Median::of(&[7.0]).unwrap().median, 7.0);
        assert_eq!(Median::of(&[]), None);
    }

    #[test]
    fn the_range_is_that_of_the_values() {
        let spread = Median::of(&[5.0, 9.0, 1.0]).unwrap();
        assert_eq!((spread.min, spread.max), (1.0, 9.0));
    }

    /// The ranks of the usual tables for the 95% interval of a median.
    #[test]
    fn interval_ranks_are_those_of_the_tables() {
        for (n, rank) in
            [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (50, 18)]
        {
            let (found, coverage) = interval_rank(n);
            assert_eq!(found, rank, "of {n} values");
            assert!((0.95..1.0).contains(&coverage), "of {n} values: {coverage}");
        }
        assert!((interval_rank(20).1 - 0.9586).abs() < 1e-4);
    }

    #[test]
    fn too_few_values_give_the_range_and_say_what_it_is_worth() {
        let spread = Median::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(spread.interval, (1.0, 5.0));
        assert_eq!(spread.coverage, 0.9375);
        let alone = Median::of(&[2.0]).unwrap();
        assert_eq!((alone.interval, alone.coverage), ((2.0, 2.0), 0.0));
    }

    #[test]
    fn the_interval_is_of_order_statistics() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(Median::of(&values).unwrap().interval, (6.0, 15.0));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<u64> = (1..=100).collect();
        let of = |p| percentile(&hundred, p).unwrap();
        assert_eq!((of(0.0), of(0.5), of(0.99), of(0.999), of(1.0)), (1.0, 50.0, 99.0, 100.0, 100.0));
        assert_eq!(percentile(&[7], 0.5), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn the_geometric_mean_of_a_ratio_and_its_inverse_is_one() {
        assert!((geometric_mean(&[4.0, 0.25]).unwrap() - 1.0).abs() < 1e-12);
        assert!((geometric_mean(&[2.0, 8.0]).unwrap() - 4.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
    }
}
