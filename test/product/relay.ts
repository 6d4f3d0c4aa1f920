import { expect } from 'vitest';
import { type PlanLimits, configFieldOf } from '#lib/contracts';
import type { Configured, Driver, Outlet, ProviderServer, Source } from '../providers/driver.ts';
import type { Caller, LedgerAnswer } from './echo.ts';

export interface Relay {
  readonly source: Source;
  readonly outlet: Outlet;
  /** Its application in the API, and the source's integration there. */
  readonly application: string;
  readonly path: string;
  /** Of the source's integration. */
  ledger(): Promise<LedgerAnswer>;
}

let names = 0;

/** Whose outlet it is: of the source's provider by default. */
interface Towards {
  readonly driver: Driver;
  readonly server: ProviderServer;
}

/** An application with two integrations and a workflow between them: each message of the source goes to the outlet, with `got ` before it. The throttle is lifted by default. */
export async function provideRelay(
  product: Caller,
  driver: Driver,
  server: ProviderServer,
  limits: Pick<PlanLimits, 'messagesPerSecond' | 'burst'> = { messagesPerSecond: 0, burst: 0 },
  towards: Towards = { driver, server },
): Promise<Relay> {
  const { id: applicationId } = await product.call<{ id: string }>('POST', '/applications', { name: 'Relay', limits });
  const base = `/applications/${applicationId}`;
  const integrate = async (name: string, { type }: Driver, { topics, config }: Configured): Promise<string> => {
    const body = { name, integrationType: type, topics, [configFieldOf(type)]: config };
    const { id } = await product.call<{ id: string }>('POST', `${base}/integrations`, body);
    return id;
  };
  const name = ++names;
  const source = await server.source(`relay-in-${name}`);
  const outlet = await towards.server.outlet(`relay-out-${name}`);
  const [from, to] = [await integrate('From', driver, source), await integrate('To', towards.driver, outlet)];
  const node = outlet.node(to, `got {{${driver.message}}}`);
  await product.call('POST', `${base}/flows`, {
    name: 'Relay',
    triggers: [
      {
        type: 'integration',
        key: from,
        config: { message: true },
        meta: { category: 'trigger', name: driver.type, label: 'In' },
        outputIds: [['out']],
      },
    ],
    nodes: [{ id: 'out', ...node, meta: { category: 'output', name: towards.driver.type, label: 'Out' }, outputIds: [[]] }],
  });
  const stateOf = async (id: string): Promise<string> =>
    (await product.call<{ status: { state: string } }>('GET', `${base}/integrations/${id}`)).status.state;
  for (const id of [from, to]) await expect.poll(() => stateOf(id), { timeout: 30_000 }).toBe('connected');
  const path = `${base}/integrations/${from}`;
  return { source, outlet, application: base, path, ledger: () => product.call<LedgerAnswer>('GET', `${path}/ledger`) };
}
