// coscanet: what operators read of a running router, and what they ask it to do.

import {messageOf, UserError} from '../base/error.ts';
import type {ResourceName} from '../api/resources.ts';
import {resources} from '../api/resources.ts';
import {act, addCommand, program, show} from './command.ts';
import type {Options} from './command.ts';
import {addDrainCommands} from './drain.ts';
import {addEventsCommand} from './events.ts';
import {addWeightCommand} from './weight.ts';

/** Those that have arguments or options of their own. */
const special: Partial<Record<ResourceName, () => void>> = {
  events: addEventsCommand,
  weight: addWeightCommand,
  drain: addDrainCommands,
};

for (const name of Object.keys(resources) as ResourceName[]) {
  const add = special[name];
  if (add) add();
  else addCommand(name).action((options: Options) => show(options, name));
}
addCommand('reload').action((options: Options) => act(options, 'reload'));

// A reader that closes early (head) is no error.
process.stdout.on('error', () => process.exit(0));
try {
  await program.parseAsync();
} catch (error) {
  for (const line of messageOf(error).split('\n')) process.stderr.write(`coscanet: ${line}\n`);
  process.exit(error instanceof UserError ? error.status : 1);
}
