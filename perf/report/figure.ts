// Figures as Vega-Lite describes them, drawn as SVG and PNG.

import {writeFileSync} from 'node:fs';
import {Resvg} from '@resvg/resvg-js';
import {parse, View} from 'vega';
import {compile} from 'vega-lite';
import type {TopLevelSpec} from 'vega-lite';

export interface Figure {
  name: string;
  spec: TopLevelSpec;
}

const FONT = 'DejaVu Sans';
const PNG_SCALE = 2;

/** Writes NAME.svg and NAME.png into `folder`. */
export async function draw({name, spec}: Figure, folder: string): Promise<void> {
  const config = {font: FONT, background: 'white', padding: 12};
  const view = new View(parse(compile({...spec, config: {...spec.config, ...config}}).spec), {
    renderer: 'none',
  });
  const svg = await view.toSVG();
  view.finalize();
  writeFileSync(`${folder}/${name}.svg`, svg);
  const image = new Resvg(svg, {
    fitTo: {mode: 'zoom', value: PNG_SCALE},
    font: {loadSystemFonts: true, defaultFontFamily: FONT},
  });
  writeFileSync(`${folder}/${name}.png`, image.render().asPng());
}
