// What H2 found, as a table, and as curves: replies over the rate of connections tried, with what the link can carry.

import {COLORS} from '../report/bars.ts';
import {absolute, ratio, setupTable} from '../report/columns.ts';
import type {Figure} from '../report/figure.ts';
import {distinct} from '../report/result.ts';
import type {Result} from '../report/result.ts';
import {spread} from '../report/statistics.ts';
import {titleOf} from '../setups/index.ts';

export const BYTES = 10 * 1024;

export const RATE = 'replies/s, highest';
export const CPU = 'µs router CPU/connection';
/** One point of the curve: replies over the rate of connections tried, which is its x. */
export const REPLIES = 'replies/s';

/** The highest rate that 1 Gbit/s allows, as the paper counts. */
const PAPERS_MAXIMUM = 11_060;

/** Pages of `bytes` that fit through a link of `bits` each second, as the shaper counts bytes. */
export function theoreticalMaximum(bits: number): number {
  const [header, http, segment] = [66, 245, 1448]; // Ethernet, IPv4, TCP with timestamps; nginx' own header
  const segments = Math.ceil((BYTES + http) / segment);
  // SYN-ACK with its longer options, acknowledgement of the request, segments, FIN.
  return bits / 8 / (BYTES + http + segments * header + 74 + 2 * header);
}

export function h2Table(result: Result): string {
  return [
    ...distinct(result.series.map(({condition}) => condition)).map((condition) =>
      setupTable(result, condition, condition, [
        {head: 'replies/s', cell: absolute(RATE)},
        {head: 'over direct', cell: ratio(RATE)},
        {head: "the router's programs, µs for a connection", cell: absolute(CPU)},
      ]),
    ),
    `What fits through 1 Gbit/s: ${Math.round(theoreticalMaximum(1e9)).toLocaleString('en-US')} replies/s ` +
      `(the paper: ${PAPERS_MAXIMUM.toLocaleString('en-US')}).`,
  ].join('\n\n');
}

type Layers = Extract<Figure['spec'], {layer: unknown}>['layer'];

/** A line across the figure, with its text above or below. */
function limitLine(replies: number, dy: number, text: string): Layers {
  const y = {datum: replies, type: 'quantitative'} as const;
  const data = {values: [{}]};
  return [
    {data, mark: {type: 'rule', strokeDash: [4, 4]}, encoding: {y}},
    {data, mark: {type: 'text', align: 'left', dy, text}, encoding: {y, x: {value: 4}}},
  ];
}

export function h2Figures(result: Result): Figure[] {
  const curves = result.series.filter(({metric}) => metric === REPLIES);
  return distinct(curves.map(({condition}) => condition)).map((condition) => {
    const points = curves
      .filter((series) => series.condition === condition)
      .map((series) => ({
        setup: titleOf(series.setup),
        rate: series.x,
        replies: spread(series.values.filter((value) => value !== null)).median,
      }));
    const maximum = theoreticalMaximum(1e9);
    const limits: Layers = [
      ...limitLine(maximum, -7, `what fits through 1 Gbit/s: ${Math.round(maximum).toLocaleString('en-US')}`),
      ...limitLine(
        PAPERS_MAXIMUM,
        9,
        `the same by the paper's count: ${PAPERS_MAXIMUM.toLocaleString('en-US')}`,
      ),
    ];
    return {
      name: `h2-${condition}`,
      spec: {
        title: `10 kB, a new connection each, ${condition}`,
        width: 460,
        height: 320,
        layer: [
          {
            data: {values: points},
            mark: {type: 'line', point: true},
            encoding: {
              x: {field: 'rate', type: 'quantitative', title: 'connections tried each second'},
              y: {field: 'replies', type: 'quantitative', title: 'replies each second'},
              color: {field: 'setup', type: 'nominal', title: null, scale: COLORS},
            },
          },
          ...(condition === '1gbit' ? limits : []),
        ],
      },
    };
  });
}
