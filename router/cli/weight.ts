// coscanet weight: shares of new flows as operators want them.

import {z} from 'zod';
import {UserError} from '../base/error.ts';
import {MAX_FACTOR, weightViewSchema} from '../protocol/overrides.ts';
import type {WeightView} from '../protocol/overrides.ts';
import {addCommand, show, TARGET} from './command.ts';
import type {Options} from './command.ts';
import {formatTable} from './table.ts';

function formatWeights(rows: readonly WeightView[]): string {
  return formatTable<WeightView>(
    [
      {title: 'target', cell: (row) => row.target},
      {title: 'factor', cell: (row) => row.factor},
      {title: 'endpoints', cell: (row) => row.endpoints.length},
    ],
    rows,
  );
}

/** "0.5" → 0.5. Throws a UserError that says what would be right. */
export function parseFactor(text: string): number {
  const factor = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && factor <= MAX_FACTOR) return factor;
  throw new UserError(`"${text}" is not a factor from 0 to ${MAX_FACTOR}: write 0, 0.5 or 2`, 2);
}

export function addWeightCommand(): void {
  const path = '/v1/weight';
  addCommand('weight', 'multiply the weight of a node or endpoint; without arguments: show the factors')
    .argument('[target]', TARGET)
    .argument('[factor]', `0 (no new flows) to ${MAX_FACTOR}; 1 is as if nothing was said`)
    .action(async (target: string | undefined, text: string | undefined, options: Options) => {
      if (target === undefined)
        return show(options, {path, schema: z.array(weightViewSchema), format: formatWeights});
      if (text === undefined) throw new UserError('which factor? coscanet weight TARGET FACTOR', 2);
      const body = {target, factor: parseFactor(text)};
      return show(options, {path, body, schema: weightViewSchema, format: (view) => formatWeights([view])});
    });
}
