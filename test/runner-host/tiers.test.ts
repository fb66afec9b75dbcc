import t from 'tap';
import { hostContract } from '../helpers/host-contract.ts';
import { TIERS_UNDER_TEST } from '../helpers/tiers.ts';
hostContract(t, ['build/runner-host'], TIERS_UNDER_TEST[(process.env.T ?? 'uid') as 'uid']);
