import t from 'tap';
import { hangingStarts, hostContract } from '../helpers/host-contract.ts';

const command = [process.execPath, 'src/runner-host/node/main.ts'] as const;
hostContract(t, [...command]);
hangingStarts(t, [...command]);
