// The paper's figure: time for a request over the size of the page, both logarithmic.

import {COLORS} from '../report/bars.ts';
import type {Figure} from '../report/figure.ts';
import {spread} from '../report/statistics.ts';
import type {Result} from '../report/result.ts';
import {titleOf} from '../setups/index.ts';

export const TIME = 'µs/request';

/** The condition under which the client sleeps until its answer comes. */
export const waiting = (condition: string) => `${condition} waiting`;
export const isWaiting = (condition: string) => condition.endsWith(' waiting');

export function h1Figures(result: Result): Figure[] {
  const points = result.series
    .filter(({condition, metric}) => metric === TIME && !isWaiting(condition))
    .map((series) => {
      const {median, low, high} = spread(series.values.filter((value) => value !== null));
      return {
        setup: titleOf(series.setup),
        link: series.condition,
        kilobytes: (series.x ?? 0) / 1024,
        milliseconds: median / 1000,
        low: low / 1000,
        high: high / 1000,
      };
    });
  const x = {
    field: 'kilobytes',
    type: 'quantitative',
    title: 'size of the page, kB',
    scale: {type: 'log', base: 2},
  } as const;
  const scale = {type: 'log'} as const;
  const color = {field: 'setup', type: 'nominal', title: null, scale: COLORS} as const;
  return [
    {
      name: 'h1',
      spec: {
        data: {values: points},
        facet: {column: {field: 'link', type: 'nominal', title: null, sort: ['1gbit', 'unlimited']}},
        spec: {
          width: 380,
          height: 300,
          layer: [
            {
              mark: {type: 'line', point: true},
              encoding: {
                x,
                y: {field: 'milliseconds', type: 'quantitative', title: 'time for a request, ms', scale},
                color,
              },
            },
            {
              mark: {type: 'rule'},
              encoding: {
                x,
                y: {field: 'low', type: 'quantitative', scale},
                y2: {field: 'high'},
                color,
              },
            },
          ],
        },
      },
    },
  ];
}
