// The words of PromQL with what they take and do, for people who write it.

const about = (lines) =>
  new Map(
    lines.trim().split("\n").map((line) => {
      const [, name, takes, help] = /^(\w+)(\(.*?\)) (.*)$/.exec(line.trim());
      return [name, { signature: name + takes, help }];
    }),
  );

export const FUNCTIONS = about(`
abs(v vector) the size of each value, without its sign
absent(v vector) 1 where the selector finds nothing, else nothing; for alerts on silence
absent_over_time(v range) 1 where no sample is in the range
acos(v vector) inverse cosine, in radians
acosh(v vector) inverse hyperbolic cosine
asin(v vector) inverse sine, in radians
asinh(v vector) inverse hyperbolic sine
atan(v vector) inverse tangent, in radians
atanh(v vector) inverse hyperbolic tangent
avg_over_time(v range) mean of the samples in the range
ceil(v vector) rounded up to a whole number
changes(v range) how often the value changed in the range
clamp(v vector, min scalar, max scalar) each value held between two limits
clamp_max(v vector, max scalar) each value held below a limit
clamp_min(v vector, min scalar) each value held above a limit
cos(v vector) cosine of radians
cosh(v vector) hyperbolic cosine
count_over_time(v range) how many samples are in the range
day_of_month(v vector?) day of the month, 1 to 31, of times in seconds, in UTC
day_of_week(v vector?) day of the week, 0 is Sunday, in UTC
day_of_year(v vector?) day of the year, 1 to 366, in UTC
days_in_month(v vector?) how many days the month has
deg(v vector) radians as degrees
delta(v range) last minus first value of a gauge, carried to the range's ends
deriv(v range) slope per second of a gauge, by least squares
double_exponential_smoothing(v range, level scalar, trend scalar) a smooth value that follows level and trend
exp(v vector) e to the power of each value
first_over_time(v range) the oldest sample in the range
floor(v vector) rounded down to a whole number
histogram_avg(v vector) mean of native histograms
histogram_count(v vector) how many measurements native histograms hold
histogram_fraction(low scalar, high scalar, v vector) share of measurements between two values
histogram_quantile(share scalar, v vector) the value below which that share lies; of classic buckets keep label le
histogram_stddev(v vector) estimated standard deviation in native histograms
histogram_stdvar(v vector) estimated variance in native histograms
histogram_sum(v vector) sum of the measurements in native histograms
hour(v vector?) hour of the day, 0 to 23, in UTC
idelta(v range) difference of the last two samples of a gauge
increase(v range) how much a counter grew over the range, restarts allowed for
info(v vector, selector vector?) adds labels of matching info metrics
irate(v range) growth per second between the last two samples of a counter
label_join(v vector, to string, separator string, from string...) a label made of several others
label_replace(v vector, to string, replacement string, from string, regex string) a label made from another by pattern
last_over_time(v range) the newest sample in the range
ln(v vector) natural logarithm
log10(v vector) decimal logarithm
log2(v vector) binary logarithm
mad_over_time(v range) median distance from the median of the samples
max_over_time(v range) highest sample in the range
min_over_time(v range) lowest sample in the range
minute(v vector?) minute of the hour, 0 to 59
month(v vector?) month of the year, 1 to 12, in UTC
pi() 3.14159…
predict_linear(v range, seconds scalar) where a gauge will be so many seconds from now, on a straight line
present_over_time(v range) 1 for each series with a sample in the range
quantile_over_time(share scalar, v range) quantile of the samples in the range
rad(v vector) degrees as radians
rate(v range) growth per second of a counter over the range, restarts allowed for
resets(v range) how often a counter began anew in the range
round(v vector, to scalar?) nearest whole number, or nearest multiple
scalar(v vector) the value of a vector of one series as a plain number
sgn(v vector) 1, 0 or -1 by sign
sin(v vector) sine of radians
sinh(v vector) hyperbolic sine
sort(v vector) in ascending order; instant answers only
sort_by_label(v vector, label string...) in the order of labels; instant answers only
sort_by_label_desc(v vector, label string...) in the descending order of labels; instant answers only
sort_desc(v vector) in descending order; instant answers only
sqrt(v vector) square root
stddev_over_time(v range) standard deviation of the samples in the range
stdvar_over_time(v range) variance of the samples in the range
sum_over_time(v range) sum of the samples in the range
tan(v vector) tangent of radians
tanh(v vector) hyperbolic tangent
time() the moment of evaluation, in seconds since 1970
timestamp(v vector) when each sample was taken, in seconds since 1970
ts_of_first_over_time(v range) when the oldest sample in the range was taken
ts_of_last_over_time(v range) when the newest sample in the range was taken
ts_of_max_over_time(v range) when the highest sample in the range was taken
ts_of_min_over_time(v range) when the lowest sample in the range was taken
vector(s scalar) a number as a vector without labels
year(v vector?) year, in UTC
`);

export const AGGREGATIONS = about(`
avg(v vector) mean over series; by (…) or without (…) keeps groups apart
bottomk(k scalar, v vector) the k lowest series of each group
count(v vector) how many series
count_values(label string, v vector) how many series have each value
group(v vector) 1 for each group
limitk(k scalar, v vector) any k series of each group
limit_ratio(share scalar, v vector) about that share of the series
max(v vector) highest over series
min(v vector) lowest over series
quantile(share scalar, v vector) quantile over series
stddev(v vector) standard deviation over series
stdvar(v vector) variance over series
sum(v vector) sum over series; by (…) or without (…) keeps groups apart
topk(k scalar, v vector) the k highest series of each group
`);

/** Functions that want a range, so that a chosen metric gets one. */
export const OF_RANGES = new Set([...FUNCTIONS].filter(([, { signature }]) => / range\b/.test(signature)).map(([name]) => name));

export const AFTER_OPERAND = [
  ["by", "keep these labels of an aggregation", "by ()"],
  ["without", "drop these labels of an aggregation", "without ()"],
  ["and", "only series that the other side has too"],
  ["or", "also series that only the other side has"],
  ["unless", "only series that the other side does not have"],
  ["on", "match both sides by these labels only", "on ()"],
  ["ignoring", "match both sides by all labels but these", "ignoring ()"],
  ["group_left", "many on the left to one on the right", "group_left ()"],
  ["group_right", "one on the left to many on the right", "group_right ()"],
  ["bool", "a comparison as 0 or 1"],
  ["offset", "as it was so long ago", "offset "],
  ["atan2", "angle of two values"],
];

export const MATCHERS = [
  ["=", "is"],
  ["!=", "is not"],
  ["=~", "matches the pattern, as a whole"],
  ["!~", "does not match the pattern"],
];

export const DURATIONS = ["1m", "5m", "10m", "15m", "30m", "1h", "6h", "1d", "7d"];
