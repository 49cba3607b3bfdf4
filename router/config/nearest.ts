// Which of the valid words somebody may have meant.

/** Edits (insert, delete, replace, swap neighbors) that make one of the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({length: b.length + 1}, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? Infinity) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** `choices`, the nearest to `word` first. */
export function nearest(word: string, choices: readonly string[]): string[] {
  return [...choices].sort((a, b) => distance(word, a) - distance(word, b));
}

/** The one choice near enough for a typing error, or null. */
export function likely(word: string, choices: readonly string[]): string | null {
  const [best] = nearest(word, choices);
  return best !== undefined && distance(word, best) <= Math.max(1, Math.floor(word.length / 3)) ? best : null;
}
