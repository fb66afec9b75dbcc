// Builds the image and proves what docs/operate/deploy.md says of it, in containers as locked down as in Kubernetes.
// For root on Debian; needs npm on the PATH, and installs by apt what else is missing. All that it makes lies
// in one directory, which is gone afterwards.
//
//   npm run test:image                           on a stand-in for the official base image, made here
//   NODE_IMAGE=<reference> npm run test:image    on a base image that is pulled
//
// The stand-in has the Debian and the Node of the official image: it proves the Dockerfile, not the base.
import { build, buildStandIn, installMissing } from './image/build.ts';
import { Report } from './image/checks.ts';
import { type Containers, makeContainers } from './image/containers.ts';
import { dataChecks } from './image/data-checks.ts';
import { imageChecks, toolsCheck } from './image/image-checks.ts';
import { commandChecks, requestChecks, survivalChecks } from './image/service-checks.ts';
import { IMAGE, Service } from './image/service.ts';

const say = (what: string): void => console.log(`-- ${what}`);

async function runChecks(containers: Containers): Promise<boolean> {
  const report = new Report();
  if ((process.env.NODE_IMAGE ?? '') === '') {
    say('makes a stand-in for the official base image');
    await buildStandIn(containers);
  }
  say('builds the image');
  if (!(await report.check({ title: 'the image builds', holds: () => build(containers, IMAGE) })))
    return report.finish();
  await report.run(imageChecks(containers));
  const service = await Service.prepare(containers);
  await report.run(requestChecks(containers, service));
  await report.run([...commandChecks(service), ...survivalChecks(containers, service)]);
  await report.run(dataChecks(containers, service));
  await report.check(toolsCheck(containers));
  return report.finish();
}

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) {
    console.error('image.ts: only root may make root file systems and containers');
    return 69;
  }
  await installMissing(say);
  const containers = await makeContainers();
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const])
    process.once(signal, () => void containers.remove().finally(() => process.exit(code)));
  try {
    return (await runChecks(containers)) ? 0 : 1;
  } finally {
    await containers.remove();
  }
}

process.exitCode = await main();
