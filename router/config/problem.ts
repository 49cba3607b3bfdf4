// Problems of a configuration, each with the line of the file that causes it.

import {isCollection, isMap, isPair, isScalar} from 'yaml';
import type {Document, LineCounter, Node} from 'yaml';
import type {z} from 'zod';
import {UserError} from '../base/error.ts';
import {likely, nearest} from './nearest.ts';

export interface Problem {
  /** Where: keys and indices from the top of the file; null: not in the file (a command line option, the host). */
  path: readonly PropertyKey[] | null;
  message: string;
}

/** All problems of one configuration, one line each; exit status 2. */
export class ConfigError extends UserError {
  constructor(lines: readonly string[]) {
    super(lines.join('\n'), 2);
    this.name = 'ConfigError';
  }
}

/** Nothing is wrong but that the host has not (yet) what the configuration names: that may come. */
export class HostNotReady extends ConfigError {}

/** Turns paths into "FILE:LINE: ". */
export class Locator {
  readonly #file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
  }

  line(problem: Problem): string {
    if (problem.path === null) return problem.message;
    const where = problem.path.map((key) => (typeof key === 'number' ? `[${key + 1}]` : String(key)));
    const key = where.join('.').replaceAll('.[', '[');
    return `${this.#file}:${this.#lineOf(problem.path)}: ${key ? `${key}: ` : ''}${problem.message}`;
  }

  /** The line of the deepest node on the path that exists: of the key itself where there is one. */
  #lineOf(path: readonly PropertyKey[]): number {
    let node: unknown = this.#document.contents;
    let offset = rangeStart(node) ?? 0;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
        offset = rangeStart(pair?.key) ?? offset;
        node = pair?.value;
      } else if (isCollection(node)) {
        node = node.items[Number(key)];
        offset = rangeStart(node) ?? offset;
      } else break;
    }
    return this.#lines.linePos(offset).line;
  }
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

/** The valid keys at a path of the schema. */
export type KeysAt = (path: readonly PropertyKey[]) => readonly string[];

const kinds: Record<string, string> = {
  array: 'a list',
  object: 'a mapping',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
};

/** A zod issue in words; one problem for each unknown key. */
export function problemsOf(issue: z.core.$ZodIssue, keysAt: KeysAt): Problem[] {
  const {path} = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const valid = keysAt(path);
      const guess = likely(key, valid);
      const meant = guess === null ? '' : ` (did you mean "${guess}"?)`;
      return {path: [...path, key], message: `unknown key${meant}; valid: ${nearest(key, valid).join(', ')}`};
    });
  }
  if (issue.code === 'invalid_value')
    return [{path, message: `not one of the valid choices: ${issue.values.join(', ')}`}];
  if (issue.code === 'invalid_type') {
    const missing = issue.message.endsWith('received undefined');
    return [
      {path, message: `${missing ? 'missing' : 'wrong'}: must be ${kinds[issue.expected] ?? issue.expected}`},
    ];
  }
  if (issue.code === 'invalid_union') return [{path, message: 'must be a text or a number'}];
  return [{path, message: issue.message}];
}
