// coscanet weight: factors of endpoints' weights, set by operators.

import {UserError} from '../base/error.ts';
import {MAX_FACTOR} from '../protocol/overrides.ts';
import {whoAmI} from './who.ts';
import {act, addCommand, show, TARGET} from './command.ts';
import type {Options} from './command.ts';

/** "0.5" → 0.5. Throws a UserError that says what would be right. */
export function parseFactor(text: string): number {
  const factor = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && factor <= MAX_FACTOR) return factor;
  throw new UserError(`"${text}" is not a factor from 0 to ${MAX_FACTOR}: write 0, 0.5 or 2`, 2);
}

export function addWeightCommand(): void {
  addCommand('weight')
    .argument('[target]', TARGET)
    .argument('[factor]', `0 (no new flows) to ${MAX_FACTOR}; 1 is as if nothing was said`)
    .action(async (target: string | undefined, text: string | undefined, options: Options) => {
      if (target === undefined) return show(options, 'weight');
      if (text === undefined) throw new UserError('which factor? coscanet weight TARGET FACTOR', 2);
      return act(options, 'weight', {target, factor: parseFactor(text), by: whoAmI()});
    });
}
