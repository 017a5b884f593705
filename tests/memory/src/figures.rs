//! Figures with what they are worth.

use std::{fmt, ops::AddAssign};

/// The normal distribution's quantile for intervals of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many are so.
    pub hits: usize,
    /// Of how many.
    pub of: usize,
}

impl Share {
    /// Counts one more.
    pub fn count(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    /// From 0 to 1; 0 of nothing.
    #[must_use]
    pub fn rate(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }

    /// Wilson's interval of 95 %, from 0 to 1; all of it when there is nothing.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.of as f64, self.rate());
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((middle - reach) / scale).max(0.0), ((middle + reach) / scale).min(1.0))
    }
}

impl FromIterator<bool> for Share {
    fn from_iter<I: IntoIterator<Item = bool>>(hits: I) -> Self {
        let mut share = Self::default();
        hits.into_iter().for_each(|hit| share.count(hit));
        share
    }
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.of += other.of;
    }
}

impl fmt::Display for Share {
    /// `93.8 % (88.1–96.8; 122 of 130)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == 0 {
            return f.write_str("–");
        }
        let (low, high) = self.interval();
        let (rate, low, high) = (100.0 * self.rate(), 100.0 * low, 100.0 * high);
        write!(f, "{rate:.1} % ({low:.1}–{high:.1}; {} of {})", self.hits, self.of)
    }
}

/// The mean of figures that belong to groups (questions of users), with an interval of 95 % over the groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// Over all figures.
    pub mean: f64,
    /// The interval's ends.
    pub interval: (f64, f64),
    /// How many figures.
    pub of: usize,
}

impl Mean {
    /// How often groups are drawn again.
    const DRAWS: usize = 2_000;

    /// The mean over all figures of all groups. The interval is what the means of as many groups, drawn again from the same,
    /// come to: the same figures give the same interval.
    #[must_use]
    pub fn over(groups: &[Vec<f64>]) -> Option<Self> {
        let sums: Vec<(f64, usize)> = groups.iter().map(|group| (group.iter().sum(), group.len())).collect();
        let of: usize = sums.iter().map(|(_, count)| count).sum();
        if of == 0 {
            return None;
        }
        let mean = sums.iter().map(|(sum, _)| sum).sum::<f64>() / of as f64;
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut means: Vec<f64> = Vec::with_capacity(Self::DRAWS);
        for _ in 0..Self::DRAWS {
            let (mut sum, mut count) = (0.0, 0);
            for _ in 0..sums.len() {
                let (group_sum, group_count) = sums[chance.below(sums.len())];
                sum += group_sum;
                count += group_count;
            }
            if count > 0 {
                means.push(sum / count as f64);
            }
        }
        let interval = (quantile(&mut means, 0.025), quantile(&mut means, 0.975));
        Some(Self { mean, interval, of })
    }
}

impl fmt::Display for Mean {
    /// `0.812 (0.780–0.841)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3}–{:.3})", self.mean, self.interval.0, self.interval.1)
    }
}

/// Numbers that look drawn by chance, always the same ones: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap_or(0)
    }
}

/// The figure that this part of the figures is below, and sorts them; 0 of none.
pub fn quantile(figures: &mut [f64], part: f64) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let last = figures.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    figures.get(at).copied().unwrap_or(0.0)
}

/// A table in Markdown.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<&str> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut table = line(&mut head.iter().copied());
    table.push_str(&line(&mut head.iter().map(|_| "---")));
    for row in rows {
        table.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // Known values, by Newcombe (1998): 81 of 263, and 0 of 20.
        let (low, high) = Share { hits: 81, of: 263 }.interval();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        let (low, high) = Share { hits: 0, of: 20 }.interval();
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
        assert_eq!(Share::default().interval(), (0.0, 1.0));
        assert_eq!(Share { hits: 1, of: 2 }.to_string(), "50.0 % (9.5–90.5; 1 of 2)");
        assert_eq!(Share::default().to_string(), "–");
    }

    #[test]
    fn means_know_how_unsure_they_are() {
        let mean = Mean::over(&[vec![1.0, 1.0], vec![0.0], Vec::new()]).unwrap();
        assert!((mean.mean - 2.0 / 3.0).abs() < 1e-9 && mean.of == 3);
        assert_eq!(mean.interval, (0.0, 1.0));
        let sure = Mean::over(&vec![vec![0.5; 4]; 9]).unwrap();
        assert_eq!(sure.interval, (0.5, 0.5));
        assert!(Mean::over(&[Vec::new()]).is_none());
    }

    #[test]
    fn quantiles_take_a_figure_that_is_there() {
        let mut figures = [5.0, 1.0, 3.0];
        assert_eq!(quantile(&mut figures, 0.5), 3.0);
        assert_eq!(quantile(&mut figures, 0.99), 5.0);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn tables_are_markdown() {
        assert_eq!(table(&["a", "b"], &[vec!["1".into(), "2".into()]]), "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}
