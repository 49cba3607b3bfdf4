// The links that cases are measured on.

import type {Lab} from './lab.ts';

export interface Links {
  /** As conditions of results name it. */
  condition: string;
  rate: string | undefined;
}

/** As in the paper, and not shaped; real ones are as they are. */
export function linksOf(lab: Lab): readonly Links[] {
  if (!lab.shapes) return [{condition: 'as they are', rate: undefined}];
  return [
    {condition: '1gbit', rate: '1gbit'},
    {condition: 'unlimited', rate: undefined},
  ];
}
