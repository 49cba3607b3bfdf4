// coscanet events: what the router did, when; with --follow also what it does from now on.

import {setTimeout as sleep} from 'node:timers/promises';
import {z} from 'zod';
import {pathsIn} from '../base/paths.ts';
import {call} from '../api/client.ts';
import {eventSchema} from '../protocol/views.ts';
import type {RouterEvent} from '../protocol/views.ts';
import {addCommand, show} from './command.ts';
import type {Options} from './command.ts';
import {formatEvents} from '../api/format.ts';

const POLL_MS = 250;
const list = z.array(eventSchema);

/** One JSON object on each line. */
const jsonLines = (events: readonly RouterEvent[]) =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

/** Until interrupted, or the router is gone: then it rejects with a UserError. */
async function follow({runDir, json}: Options): Promise<never> {
  let since = 0;
  /** Events of the millisecond `since` that have been shown. */
  let shown = 0;
  for (;;) {
    const events = await call(pathsIn(runDir).socket, 'GET', `/v1/events?since=${since}`, list);
    process.stdout.write((json ? jsonLines : formatEvents)(events.slice(shown)));
    since = events.at(-1)?.time ?? since;
    shown = events.filter((event) => event.time === since).length;
    await sleep(POLL_MS);
  }
}

export function addEventsCommand(): void {
  addCommand('events')
    .option('--follow', 'and what it does from now on (--json: an object on each line)')
    .action((options: Options & {follow?: boolean}) =>
      options.follow ? follow(options) : show(options, 'events'),
    );
}
