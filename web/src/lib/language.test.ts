import { expect, it } from "vitest";
import { isEnglish } from "@/lib/language";

const ENGLISH = "What is the best way to bring a parcel back to you? It can be left at the door of a shop. ".repeat(3);
const GERMAN = "Wie kann ich mein Paket an den Laden geben? Es kann vor der Tür bleiben, wenn niemand da ist. ".repeat(
  3,
);
const LATIN_LETTERS = "Ik wil graag weten waar mijn pakket blijft en wanneer het komt want er staat niets in ".repeat(
  6,
);

it("English is told from other languages by its small words", () => {
  expect(isEnglish([ENGLISH])).toBe(true);
  expect(isEnglish([LATIN_LETTERS])).toBe(false);
});

it("letters that English has not tell another language", () => {
  expect(isEnglish([GERMAN])).toBe(false);
  expect(isEnglish(["荷物はいつ届きますか。店に返すこともできますか。".repeat(20)])).toBe(false);
});

it("a few words tell nothing", () => {
  expect(isEnglish(["return", "where is it"])).toBeNull();
  expect(isEnglish([])).toBeNull();
});
