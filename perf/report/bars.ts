// One figure for all ratios to direct: a dot for each set-up, with the middle half of its rounds.

import {setups, titleOf} from '../setups/index.ts';
import type {Figure} from './figure.ts';
import {beside} from './result.ts';
import type {Result, Series} from './result.ts';
import {BASE} from './columns.ts';
import {spread} from './statistics.ts';

interface BarOptions {
  name: string;
  metric: string;
  title: string;
  /** The row of a series. */
  label: (series: Series) => string;
}

/** The colours of set-ups, the same in all figures. */
export const COLORS = {
  domain: setups.map(({title}) => title),
  range: ['#555555', '#d62728', '#ff7f0e', '#1f77b4', '#17becf', '#2ca02c', '#9467bd'],
};

export function barFigure(result: Result, {name, metric, title, label}: BarOptions): Figure {
  const points = result.series
    .filter((series) => series.metric === metric && series.setup !== BASE)
    .flatMap((series) => {
      const {setup, condition, x} = series;
      const ratios = beside(result, {setup, condition, x, metric}, {setup: BASE});
      if (ratios.length === 0) return [];
      const {median, low, high} = spread(ratios);
      return [{setup: titleOf(setup), row: label(series), median, low, high}];
    });
  const x = {type: 'quantitative', title, scale: {domainMin: 0}} as const;
  const y = {field: 'setup', type: 'nominal', title: null, sort: COLORS.domain} as const;
  const color = {field: 'setup', type: 'nominal', scale: COLORS, legend: null} as const;
  return {
    name,
    spec: {
      data: {values: points},
      facet: {
        row: {
          field: 'row',
          type: 'nominal',
          title: null,
          sort: [...new Set(points.map(({row}) => row))],
          header: {labelAngle: 0, labelAlign: 'left'},
        },
      },
      spec: {
        width: 460,
        layer: [
          {mark: {type: 'bar', height: 9}, encoding: {x: {...x, field: 'median'}, y, color}},
          {mark: 'rule', encoding: {x: {...x, field: 'low'}, x2: {field: 'high'}, y}},
          {
            mark: {type: 'rule', strokeDash: [3, 3]},
            encoding: {x: {datum: 1, type: 'quantitative'}},
          },
        ],
      },
    },
  };
}
