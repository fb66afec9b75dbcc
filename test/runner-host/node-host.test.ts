import t from 'tap';
import { hostContract } from '../helpers/host-contract.ts';

hostContract(t, [process.execPath, 'src/runner-host/main.ts']);
