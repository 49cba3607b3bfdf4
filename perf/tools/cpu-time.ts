// Says what the router's programs on this host have used so far, for a bench that runs elsewhere.

import {readlinkSync} from 'node:fs';
import {cpuTime, memoryOf} from '../lab/cpu.ts';

const namespace = readlinkSync('/proc/self/ns/net');
console.log(JSON.stringify({...cpuTime(namespace), memory: memoryOf(namespace)}));
