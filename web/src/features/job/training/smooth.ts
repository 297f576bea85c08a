/**
 * An exponential moving average whose start is not pulled to zero: each value is divided by the weights that were
 * given out so far, as Adam does with its moments (arXiv:1412.6980, section 3). `weight` 0 leaves values as they are.
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let mean = 0;
  let given = 0;
  return values.map((value) => {
    mean = weight * mean + (1 - weight) * value;
    given = weight * given + (1 - weight);
    return mean / given;
  });
}
