// The contract of devices, kept by the device in memory. It dies with its process and has no interface to lose.

import {testDevice} from './device-contract.ts';

testDevice('memory', 13);
