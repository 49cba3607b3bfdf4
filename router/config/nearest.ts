// Which of the valid words somebody may have meant.

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({length: b.length + 1}, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** `choices`, the nearest to `word` first. */
export function nearest(word: string, choices: readonly string[]): string[] {
  return [...choices].sort((a, b) => distance(word, a) - distance(word, b));
}

/** The one choice near enough to be a slip of the fingers, or null. */
export function likely(word: string, choices: readonly string[]): string | null {
  const [best] = nearest(word, choices);
  return best !== undefined && distance(word, best) <= Math.max(1, Math.floor(word.length / 3)) ? best : null;
}
