/** How many random rounds a test makes: so many in `npm test`, and ten times as many in `npm run test:rounds`. */
export const rounds = (usual: number): number => usual * Number(process.env.TEST_ROUNDS ?? 1);

/** Whether a test may take long: in `npm run test:rounds`. */
export const isLongRun = Number(process.env.TEST_ROUNDS ?? 1) > 1;
