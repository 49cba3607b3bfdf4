// What AVA prints, line by line.

export interface Outcome {
  kind: 'ok' | 'not ok' | 'skip';
  title: string;
}

/** A TAP result line, or null for all else. Lines of a diagnostic block are indented. */
export function outcomeOf(line: string): Outcome | null {
  const match = /^(not )?ok \d+(?: - )?(.*)$/.exec(line);
  if (match === null) return null;
  const [, not, text = ''] = match;
  const directive = /^(.*?) *# (?:SKIP|TODO)\b/i.exec(text);
  if (directive !== null) return {kind: 'skip', title: directive[1] ?? ''};
  return {kind: not === undefined ? 'ok' : 'not ok', title: text};
}

/**
 * Passes lines on as they come, but of a failed test first its diagnostic block, which says what is wrong, and then its
 * comments: a network test's are everything that it ran.
 */
export class Printer {
  readonly #print: (line: string) => void;
  #comments: string[] | null = null;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  add(line: string, outcome: Outcome | null): void {
    if (this.#comments !== null && (line === '' || line.startsWith('#'))) {
      this.#comments.push(line);
      return;
    }
    if (outcome !== null) this.flush();
    this.#print(line);
    if (outcome?.kind === 'not ok') this.#comments = [];
    else if (line === '  ...') this.flush();
  }

  flush(): void {
    for (const comment of this.#comments ?? []) this.#print(comment);
    this.#comments = null;
  }
}
