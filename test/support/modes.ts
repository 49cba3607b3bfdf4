// The modes of the router that network tests run in, and what those tests need to know of their differences.

import type {TestbedOptions} from './testbed.ts';

export interface ModeCase {
  mode: 'dsr' | 'nat';
  /** Do the nodes' answers pass the router? */
  answersPassRouter: boolean;
  /** Has each instance an address and port of its own, or do those of a node share the virtual one? */
  ownPorts: boolean;
  /** Have the nodes an address in the external network too? */
  nodesOutside: boolean;
  /** The address of node1 that a program there could bind without the product. */
  node1: string;
}

export const MODES: readonly ModeCase[] = [
  {mode: 'dsr', answersPassRouter: false, ownPorts: false, nodesOutside: true, node1: '10.77.0.11'},
  {mode: 'nat', answersPassRouter: true, ownPorts: true, nodesOutside: false, node1: '10.88.0.11'},
];

export interface Variant {
  title: string;
  options: TestbedOptions;
}

/** Every variant in every mode that offers it (a router with one arm has no place for NAT). */
export function inModes<V extends Variant>(variants: readonly V[]): (V & ModeCase)[] {
  return MODES.flatMap((one) =>
    variants
      .filter(({options}) => one.mode === 'dsr' || options.oneArm !== true)
      .map((variant) => ({
        ...variant,
        ...one,
        title: `${one.mode}, ${variant.title}`,
        options: {...variant.options, mode: one.mode},
      })),
  );
}
