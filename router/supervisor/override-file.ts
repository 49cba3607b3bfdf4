// The state file: what operators have set, for a router that is started again after a stop. It is written with each change
// of theirs and with nothing else, whole: a file beside it, synced, takes its name. After a crash the checkpoint in the
// segment has the same; where they differ, the one that was changed later holds.

import {readFileSync, renameSync} from 'node:fs';
import {mkdir, open, rename, rm} from 'node:fs/promises';
import type {FileHandle} from 'node:fs/promises';
import {dirname} from 'node:path';
import {LineCounter, parseDocument} from 'yaml';
import {z} from 'zod';
import type {Clock, Timer} from '../base/clock.ts';
import {codeOf, messageOf, UserError} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import {Locator, problemsOf} from '../config/problem.ts';
import type {Overrides, OverridesCheckpoint} from '../model/overrides.ts';
import {MAX_FACTOR} from '../protocol/overrides.ts';
import type {EventLog} from './event-log.ts';

const FORMAT = 1;
const RETRY_MS = 30_000;

const time = z.iso.datetime().transform((text) => Date.parse(text));
const drain = z.strictObject({
  since: time,
  deadline: time,
  keepClients: z.boolean(),
  by: z.string().optional(),
});
const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  changedAt: time,
  weights: z.record(
    z.string(),
    z.strictObject({
      factor: z.number().min(0).max(MAX_FACTOR),
      since: time.optional(),
      by: z.string().optional(),
    }),
  ),
  drains: z.record(z.string(), drain),
});

const isoTime = (ms: number) => new Date(ms).toISOString();

export function encodeOverrides({changedAt, factors, drains}: OverridesCheckpoint): string {
  const weights = Object.entries(factors).map(([name, {factor, since, by}]) => {
    return [name, {factor, since: since === undefined ? undefined : isoTime(since), by}] as const;
  });
  const lasting = Object.entries(drains).map(([name, {since, deadline, keepClients, by}]) => {
    return [name, {since: isoTime(since), deadline: isoTime(deadline), keepClients, by}] as const;
  });
  const file = {
    format: FORMAT,
    changedAt: isoTime(changedAt),
    weights: Object.fromEntries(weights),
    drains: Object.fromEntries(lasting),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Throws a UserError, a line "FILE:LINE: FIELD: …" for each thing that is wrong. `now`: milliseconds since the epoch. */
export function decodeOverrides(path: string, text: string, now: number): OverridesCheckpoint {
  const lines = new LineCounter();
  // JSON is YAML, whose parser knows lines.
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false});
  if (document.errors.length > 0)
    throw new UserError(
      document.errors.map((e) => `${path}:${lines.linePos(e.pos[0]).line}: ${e.message}`).join('\n'),
    );
  const parsed = fileSchema.safeParse(document.toJS());
  if (!parsed.success) {
    const locator = new Locator(path, document, lines);
    const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, () => []));
    throw new UserError(problems.map((one) => locator.line(one)).join('\n'));
  }
  const {changedAt, weights, drains} = parsed.data;
  const lasting = Object.entries(drains).map(([name, one]) => [name, {...one, over: one.deadline <= now}]);
  return {changedAt, factors: weights, drains: Object.fromEntries(lasting)};
}

export interface OverrideFileDeps {
  path: string;
  clock: Clock;
  log: Logger;
  events: EventLog;
}

export class OverrideFile {
  readonly #deps: OverrideFileDeps;
  #problem: string | null = null;
  /** A damaged file is still there, and could not be moved: it is not overwritten. */
  #blocked = false;
  /** Ends with the last write that has begun, or will. */
  #last: Promise<unknown> = Promise.resolve();
  /** A write that has not begun, for all who ask meanwhile. */
  #next: Promise<string | null> | null = null;
  #retry: Timer | null = null;

  constructor(deps: OverrideFileDeps) {
    this.#deps = deps;
  }

  get path(): string {
    return this.#deps.path;
  }

  /** Why what is set is not in the file; null: it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /** At the start: the file's overrides if they are later than those that a crashed router left, which are saved else. */
  adopt(overrides: Overrides): void {
    const saved = this.#load();
    const isEmpty = overrides.weights().size === 0 && overrides.drains().size === 0;
    if (saved !== null && saved.changedAt > overrides.changedAt) overrides.restore(saved);
    else if (saved === null ? !isEmpty : saved.changedAt < overrides.changedAt) void this.save(overrides);
  }

  /** Resolves when what is set now is in the file: to null, or to why it is not. Tried again until it is. */
  save(overrides: Overrides): Promise<string | null> {
    if (this.#next === null) {
      this.#next = this.#last.then(() => {
        this.#next = null;
        return this.#write(overrides);
      });
      this.#last = this.#next;
    }
    return this.#next;
  }

  /** Resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#retry?.cancel();
    await this.#last;
  }

  /** null: there is no file, or none that can be read: that one is moved aside, for people. */
  #load(): OverridesCheckpoint | null {
    const {path, clock, log} = this.#deps;
    try {
      return decodeOverrides(path, readFileSync(path, 'utf8'), clock.wall());
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      const reason = messageOf(error);
      log.error({path}, `state file: ${reason}: drains and weights in it are not in force`);
      this.#moveAside();
      return null;
    }
  }

  #moveAside(): void {
    const {path, clock, log} = this.#deps;
    const aside = `${path}.damaged-${isoTime(clock.wall())}`;
    try {
      renameSync(path, aside);
      log.warn({path, aside}, `the damaged state file is now ${aside}`);
    } catch (error) {
      this.#blocked = true;
      this.#failed(`it is damaged, and cannot be moved aside: ${messageOf(error)}`);
    }
  }

  async #write(overrides: Overrides): Promise<string | null> {
    if (this.#blocked) return this.#problem;
    this.#retry?.cancel();
    try {
      await writeWhole(this.#deps.path, encodeOverrides(overrides.checkpoint()));
      if (this.#problem !== null) this.#deps.log.info({path: this.path}, 'the state file is written again');
      this.#problem = null;
    } catch (error) {
      this.#failed(messageOf(error));
      this.#retry = this.#deps.clock.after(RETRY_MS, () => void this.save(overrides));
    }
    return this.#problem;
  }

  #failed(problem: string): void {
    const isNew = problem !== this.#problem;
    this.#problem = problem;
    if (isNew) this.#deps.events.add({event: 'overrides-unsaved', detail: `${this.path}: ${problem}`});
  }
}

/** The file has the old text or the new one, also when the power fails. */
async function writeWhole(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, {recursive: true, mode: 0o700});
  const fresh = `${path}.new`;
  // A rest of a crash, perhaps with another mode.
  await rm(fresh, {force: true});
  try {
    await withFile(await open(fresh, 'wx', 0o600), async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, {force: true});
    throw error;
  }
  await withFile(await open(folder, 'r'), (file) => file.sync());
}

async function withFile(file: FileHandle, use: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
