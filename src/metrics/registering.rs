//! How families come into a registry, each by its name without the prefix.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry,
};

/// The first bucket's upper bound, by what each is larger than the one before, and how many there are.
pub(super) type BucketLayout = (f64, f64, usize);

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("lanherd")
}

pub(super) fn counter(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let family = IntCounterVec::new(options(name, help), labels)?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

/// One that counts in fractions.
pub(super) fn float_counter(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<CounterVec> {
    let family = CounterVec::new(options(name, help), labels)?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

pub(super) fn gauge(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    let family = IntGaugeVec::new(options(name, help), labels)?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

pub(super) fn float_gauge(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<GaugeVec> {
    let family = GaugeVec::new(options(name, help), labels)?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

pub(super) fn histogram(
    r: &Registry,
    name: &str,
    help: &str,
    buckets: BucketLayout,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    let family = HistogramVec::new(histogram_options(name, help, buckets)?, labels)?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

/// One without labels: it is there from the beginning.
pub(super) fn histogram_alone(
    r: &Registry,
    name: &str,
    help: &str,
    buckets: BucketLayout,
) -> prometheus::Result<Histogram> {
    let family = Histogram::with_opts(histogram_options(name, help, buckets)?)?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

fn histogram_options(
    name: &str,
    help: &str,
    (start, factor, count): BucketLayout,
) -> prometheus::Result<HistogramOpts> {
    let buckets = prometheus::exponential_buckets(start, factor, count)?;
    Ok(HistogramOpts::new(name, help)
        .namespace("lanherd")
        .buckets(buckets))
}

/// A family without labels, made by `with`.
pub(super) fn alone<F: Collector + Clone + 'static>(
    r: &Registry,
    name: &str,
    help: &str,
    with: impl FnOnce(Opts) -> prometheus::Result<F>,
) -> prometheus::Result<F> {
    let family = with(options(name, help))?;
    r.register(Box::new(family.clone()))?;
    Ok(family)
}

/// A gauge that is always 1 and tells something by its labels.
pub(super) fn info(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[(&str, &str)],
) -> prometheus::Result<()> {
    let (names, values): (Vec<&str>, Vec<&str>) = labels.iter().copied().unzip();
    gauge(r, name, help, &names)?
        .with_label_values(&values)
        .set(1);
    Ok(())
}
