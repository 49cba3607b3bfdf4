// All cases, in the order in which they are measured and shown.

import type {Case} from '../bench.ts';
import {bulk} from './bulk.ts';
import {connections} from './connections.ts';
import {control} from './control.ts';
import {core} from './core.ts';
import {h1} from './h1.ts';
import {h2} from './h2.ts';
import {jetty} from './jetty.ts';
import {load} from './load.ts';
import {packets} from './packets.ts';
import {requests} from './requests.ts';
import {tls} from './tls.ts';

export const cases: readonly Case[] = [
  core,
  h1,
  h2,
  jetty,
  requests,
  connections,
  tls,
  bulk,
  packets,
  control,
  load,
];
