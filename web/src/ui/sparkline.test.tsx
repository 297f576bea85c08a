import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { pointsOf, Sparkline } from "@/ui/sparkline";

describe("a sparkline", () => {
  it("is not drawn of fewer than two points", () => {
    const { container, rerender } = render(<Sparkline values={[2.1]} what="Training loss" />);
    expect(container).toBeEmptyDOMElement();
    rerender(<Sparkline values={[2.1, 1.4]} what="Training loss" />);
    expect(screen.getByRole("img", { name: "Training loss went from 2.10 to 1.40" })).toBeInTheDocument();
  });

  it("the highest value lies at the top, the lowest at the bottom, equal ones in the middle", () => {
    expect(pointsOf([3, 1, 2]).map(([, y]) => y)).toEqual([2, 18, 10]);
    expect(pointsOf([5, 5]).map(([, y]) => y)).toEqual([10, 10]);
  });
});
