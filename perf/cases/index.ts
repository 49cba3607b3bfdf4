// All cases, in the order in which they are measured and shown.

import type {Case} from '../bench.ts';
import {core} from './core.ts';
import {h1} from './h1.ts';

export const cases: readonly Case[] = [core, h1];
