import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import type { Definition } from '#lib/connector-sdk';
import { definitionOf } from '#lib/connectors';
import type { Driver } from '../providers/driver.ts';
import { realDrivers } from '../providers/index.ts';
import type { Case } from './case.ts';
import { faults } from './faults.ts';
import { messages } from './messages.ts';
import { Stand } from './stand.ts';
import { statuses } from './statuses.ts';

const TIMEOUT = 300_000;
const alone: readonly Case[] = [...faults, ...statuses];

/** Keeps a cell for the table of `npm run conformance`. */
function record({ definition, server }: Stand, name: string, outcome: string): void {
  const file = process.env['SLUICE_CONFORMANCE'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ provider: definition.title, server: server.name, name, outcome })}\n`);
}

async function proveCase(stand: Stand, { name, exempt, prove }: Case): Promise<void> {
  const declared = exempt?.(stand.definition.capabilities, await stand.server.missing());
  let outcome = 'FAILED';
  try {
    if (declared === undefined) await prove(stand);
    outcome = declared === undefined ? 'passed' : `declared: ${declared}`;
  } finally {
    record(stand, name, outcome);
  }
}

/** Providers side by side. The cases that break a provider's links, or the bus, have its server to themselves. */
function conforms(driver: Driver): void {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start(driver);
  }, TIMEOUT);
  afterAll(() => stand.stop());

  for (const each of messages) it(`case: ${each.name}`, { concurrent: true, timeout: TIMEOUT }, () => proveCase(stand, each));
  describe('alone', { concurrent: false }, () => {
    beforeEach(() => stand.clear());
    for (const each of alone) it(`case: ${each.name}`, { concurrent: false, timeout: TIMEOUT }, () => proveCase(stand, each));
  });
}

/** Every provider with those capabilities: the others have a process of their own, so that they don't wait for each other. */
export function conform(capable: (capabilities: Definition['capabilities']) => boolean): void {
  for (const driver of realDrivers) {
    const { title, capabilities } = definitionOf(driver.type);
    if (!capable(capabilities)) continue;
    const isMissing = driver.type === 'mqtt' && process.env['SLUICE_NO_MOSQUITTO'] === '1';
    describe.skipIf(isMissing)(`conformance of ${title}`, { concurrent: true }, () => {
      conforms(driver);
    });
  }
}
