/** Small words of English that its neighbours do not share. */
const COMMON = new Set("the and to it you with this that are be by from can what how not your was have".split(" "));
const FEWEST_WORDS = 40;

/** Whether the texts are English; null when there is too little to tell. Told by letters that English has not, and by
 *  how often its smallest words stand in them. */
export function isEnglish(texts: string[]): boolean | null {
  const all = texts.join(" ").toLowerCase();
  const words = all.match(/\p{L}+/gu) ?? [];
  const letters = words.join("").length;
  if (words.length < FEWEST_WORDS && letters < 4 * FEWEST_WORDS) return null;
  const foreign = (all.match(/[^\p{ASCII}]/gu) ?? []).filter((each) => /\p{L}/u.test(each)).length;
  if (foreign > 0.01 * letters) return false;
  const common = words.filter((word) => COMMON.has(word)).length / words.length;
  if (common >= 0.06) return true;
  return common <= 0.02 && words.length >= 2 * FEWEST_WORDS ? false : null;
}
