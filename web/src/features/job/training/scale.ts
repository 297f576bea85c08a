/** From a value to a place on the screen and back. */
export interface Scale {
  readonly domain: readonly [number, number];
  place: (value: number) => number;
  value: (place: number) => number;
  ticks: readonly number[];
}

const EVERY = [1, 2, 2.5, 5, 10];

/** Equal steps for equal differences. `range` is in pixels, and may fall. */
export function linear(domain: readonly [number, number], range: readonly [number, number], wanted = 5): Scale {
  const [low, high] = widened(domain);
  const slope = (range[1] - range[0]) / (high - low);
  return {
    domain: [low, high],
    place: (value) => range[0] + (value - low) * slope,
    value: (place) => low + (place - range[0]) / slope,
    ticks: linearTicks(low, high, wanted),
  };
}

/** Equal steps for equal ratios. What is not above zero has no place: it is put at the lower edge. */
export function logarithmic(domain: readonly [number, number], range: readonly [number, number], wanted = 5): Scale {
  const high = domain[1] > 0 ? domain[1] : 1;
  const low = domain[0] > 0 ? domain[0] : high / 1000;
  const within = linear([Math.log10(low), Math.log10(high)], range);
  return {
    domain: [10 ** within.domain[0], 10 ** within.domain[1]],
    place: (value) => within.place(value > 0 ? Math.log10(value) : within.domain[0]),
    value: (place) => 10 ** within.value(place),
    ticks: logarithmicTicks(10 ** within.domain[0], 10 ** within.domain[1], wanted),
  };
}

/** The bounds that hold all values, moved out to round numbers, so that a new point seldom moves the axis. */
export function rounded(values: Iterable<number>, log: boolean): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [log ? 0.1 : 0, 1];
  if (log) return [roundTo(low, Math.floor), roundTo(high, Math.ceil)];
  const [from, to] = widened([low, high]);
  const every = stepOf(to - from, 5);
  return [Math.floor(from / every) * every, Math.ceil(to / every) * every];
}

function widened([low, high]: readonly [number, number]): [number, number] {
  if (high > low) return [low, high];
  const by = Math.abs(low) > 0 ? Math.abs(low) / 2 : 0.5;
  return [low - by, low + by];
}

/** One digit: 0.0234 down to 0.02 or up to 0.03. */
function roundTo(value: number, round: (x: number) => number): number {
  const size = 10 ** Math.floor(Math.log10(value));
  return round(value / size) * size;
}

function stepOf(span: number, wanted: number): number {
  const size = 10 ** Math.floor(Math.log10(span / wanted));
  const every = EVERY.find((each) => each * size * wanted >= span * 0.999) ?? 10;
  return every * size;
}

function linearTicks(low: number, high: number, wanted: number): number[] {
  const every = stepOf(high - low, wanted);
  const first = Math.ceil(low / every - 1e-9);
  const last = Math.floor(high / every + 1e-9);
  // Counted, not added up: 0.1 three times is not 0.3.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * every).toPrecision(12)));
}

function logarithmicTicks(low: number, high: number, wanted: number): number[] {
  const decades = Math.log10(high / low);
  if (decades < 0.5) return linearTicks(low, high, wanted).filter((tick) => tick > 0);
  const digits = decades <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1)
    for (const digit of digits) {
      const tick = Number((digit * 10 ** power).toPrecision(12));
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  return ticks;
}
