import { delimiter, dirname } from 'node:path';
import { ensureDependencies } from './dependencies.mjs';
import { findMosquitto } from './mosquitto.mjs';
import { ensureNatsServer } from './nats-server.mjs';
import { NODE } from './paths.mjs';
import { SetupError } from './step.mjs';

/**
 * Installs everything tests and benchmarks need and returns their environment. A broker that can't be had is said in one line; its suites are
 * then skipped, and with `CI=true` that is a failure.
 */
export async function testEnvironment() {
  const [natsServer] = await Promise.all([ensureNatsServer(), ensureDependencies()]);
  const env = { ...process.env, SLUICE_NATS_SERVER: natsServer };
  env['PATH'] = `${dirname(NODE)}${delimiter}${process.env['PATH'] ?? ''}`;
  const { program, libraries, problem } = await findMosquitto();
  if (program !== undefined) env['SLUICE_MOSQUITTO'] = program;
  if (libraries !== undefined) env['SLUICE_MOSQUITTO_LIBRARIES'] = libraries;
  if (problem !== undefined) {
    const line = `SKIPPED: suites that need mosquitto, which could not be had (${problem}); install it or set SLUICE_MOSQUITTO`;
    if (process.env['CI'] === 'true') throw new SetupError(line);
    process.stdout.write(`${line}\n`);
    env['SLUICE_NO_MOSQUITTO'] = '1';
  }
  return env;
}
