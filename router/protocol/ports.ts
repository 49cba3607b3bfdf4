// Sets of ports of one protocol each, as sorted, disjoint, inclusive ranges.

import type {PortRange} from './terms.ts';

export {containsPort, formatPorts, formatRange} from './terms.ts';
export type {PortRange, Protocol} from './terms.ts';

export const allPorts: readonly PortRange[] = [
  {protocol: 'tcp', first: 1, last: 65535},
  {protocol: 'udp', first: 1, last: 65535},
];

/** Sorts (tcp before udp) and joins ranges that overlap or touch. */
export function normalizePorts(ranges: readonly PortRange[]): PortRange[] {
  const sorted = [...ranges].sort((a, b) => a.protocol.localeCompare(b.protocol) || a.first - b.first);
  const joined: PortRange[] = [];
  for (const range of sorted) {
    const previous = joined.at(-1);
    if (previous && previous.protocol === range.protocol && range.first <= previous.last + 1)
      previous.last = Math.max(previous.last, range.last);
    else joined.push({...range});
  }
  return joined;
}

/** The ports of `ranges` that are not in `taken`. */
export function subtractPorts(ranges: readonly PortRange[], taken: readonly PortRange[]): PortRange[] {
  let left = normalizePorts(ranges);
  for (const cut of taken) {
    left = left.flatMap((range) => {
      if (range.protocol !== cut.protocol || cut.last < range.first || range.last < cut.first) return [range];
      const pieces = [
        {...range, last: cut.first - 1},
        {...range, first: cut.last + 1},
      ];
      return pieces.filter((piece) => piece.first <= piece.last);
    });
  }
  return left;
}

/** The first range that both hold, or null. */
export function sharedPorts(a: readonly PortRange[], b: readonly PortRange[]): PortRange | null {
  for (const left of a) {
    for (const right of b) {
      const first = Math.max(left.first, right.first);
      const last = Math.min(left.last, right.last);
      if (left.protocol === right.protocol && first <= last) return {protocol: left.protocol, first, last};
    }
  }
  return null;
}

/** "80/tcp" or "8000-8999/udp" → a range; else a text that says what is wrong. */
export function parseRange(text: string): PortRange | string {
  const match = /^(\d+)(?:-(\d+))?\/(.*)$/.exec(text);
  if (!match) return `"${text}" is not PORT/PROTOCOL: write 80/tcp, 8000-8999/tcp or 53/udp`;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  const protocol = match[3];
  if (protocol !== 'tcp' && protocol !== 'udp')
    return `"${text}": unknown protocol "${protocol}": one of tcp, udp`;
  if (first < 1 || last > 65535) return `"${text}": ports are 1 to 65535`;
  if (first > last) return `"${text}": the range runs backwards`;
  return {protocol, first, last};
}
