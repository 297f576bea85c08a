import { describe, expect, it } from "vitest";
import { linear, logarithmic, rounded } from "@/features/job/training/scale";
import { smooth } from "@/features/job/training/smooth";

describe("scales", () => {
  it("a place leads back to its value, also on an axis that grows upwards", () => {
    const y = linear([2, 4], [200, 0]);
    expect(y.place(2)).toBe(200);
    expect(y.place(4)).toBe(0);
    expect(y.value(y.place(2.7))).toBeCloseTo(2.7);
    const log = logarithmic([0.01, 100], [0, 400]);
    expect(log.place(1)).toBeCloseTo(200);
    expect(log.value(300)).toBeCloseTo(10);
  });

  it("ticks are round, within the bounds, and without the dust of floating point", () => {
    expect(linear([0, 0.5], [0, 100]).ticks).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5]);
    expect(linear([0, 16], [0, 100]).ticks).toEqual([0, 5, 10, 15]);
    expect(logarithmic([0.001, 100], [0, 1]).ticks).toEqual([0.001, 0.01, 0.1, 1, 10, 100]);
    expect(logarithmic([1, 20], [0, 1]).ticks).toEqual([1, 2, 5, 10, 20]);
    expect(logarithmic([2.7, 2.9], [0, 1]).ticks).toEqual([2.7, 2.75, 2.8, 2.85, 2.9]);
  });

  it("the bounds hold every value, and one more point between them does not move them", () => {
    const points = [2.89, 2.75, 2.83];
    const [low, high] = rounded(points, false);
    expect(low).toBeLessThanOrEqual(2.75);
    expect(high).toBeGreaterThanOrEqual(2.89);
    expect(rounded([...points, 2.8], false)).toEqual([low, high]);
    expect(rounded([0.0234, 41], true)).toEqual([0.02, 50]);
  });

  it("a line without height, without points, or with zeros on a logarithmic axis still has bounds", () => {
    const [low, high] = rounded([3, 3], false);
    expect(low).toBeLessThan(3);
    expect(high).toBeGreaterThan(3);
    expect(rounded([], false)).toEqual([0, 1]);
    expect(rounded([0, 10], true)[0]).toBeGreaterThan(0);
    expect(logarithmic([0, 10], [0, 100]).place(0)).toBe(0);
    expect(rounded([1, Number.NaN, 2], false)[1]).toBe(2);
  });
});

describe("smoothing", () => {
  it("weight 0 changes nothing, and a constant stays what it is from the first point on", () => {
    expect(smooth([3, 1, 2], 0)).toEqual([3, 1, 2]);
    for (const value of smooth([2, 2, 2, 2], 0.9)) expect(value).toBeCloseTo(2);
  });

  it("is the weighted mean of what came before", () => {
    const [first, second] = smooth([4, 1], 0.5);
    expect(first).toBe(4);
    expect(second).toBeCloseTo((0.5 * 0.5 * 4 + 0.5 * 1) / 0.75);
  });

  it("a larger weight follows a jump more slowly", () => {
    const jump = [0, 0, 0, 0, 1];
    expect(smooth(jump, 0.9).at(-1)).toBeLessThan(smooth(jump, 0.5).at(-1) ?? 0);
  });
});
