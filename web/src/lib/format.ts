const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Seconds as "45 s", "12 min", "1 h 12 min", "3 d 4 h". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < HOUR) return `${Math.round(s / MINUTE)} min`;
  if (s < DAY) return pair(Math.floor(s / HOUR), "h", Math.round((s % HOUR) / MINUTE), "min", 60);
  return pair(Math.floor(s / DAY), "d", Math.round((s % DAY) / HOUR), "h", 24);
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string, full: number): string {
  if (small === full) return `${large + 1} ${largeUnit}`;
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

/** A moment (seconds since 1970) seen from now: "just now", "4 min ago", "in 2 h". */
export function relative(at: number, now: number = Date.now() / 1000): string {
  const ago = now - at;
  if (Math.abs(ago) < 10) return "just now";
  return ago > 0 ? `${duration(ago)} ago` : `in ${duration(-ago)}`;
}

/** The moment in full, in the reader's own time zone. */
export function exact(at: number): string {
  return new Date(at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

const SIZES = ["B", "kB", "MB", "GB", "TB"];

/** Bytes with one decimal: "3.4 GB". */
export function bytes(n: number): string {
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < SIZES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${SIZES[unit]}`;
}

/** A count with thin separators: "12,400". */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** `count` with its noun: "1 record", "320 records". */
export function counted(n: number, noun: string, plural: string = `${noun}s`): string {
  return `${count(n)} ${n === 1 ? noun : plural}`;
}

/** A figure with about three significant digits, never in scientific notation where a person reads it: "2.48", "0.00050". */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return count(Math.round(value));
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  if (size >= 0.001) return value.toFixed(3);
  return value.toPrecision(2);
}

/** A share, 0-1, as "12 %". */
export function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}
