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

/** An application with two integrations of a provider and a workflow between them: each message of the source goes to the outlet, with `got ` before it. The throttle is lifted by default. */
export async function provideRelay(
  product: Caller,
  driver: Driver,
  server: ProviderServer,
  limits: Pick<PlanLimits, 'messagesPerSecond' | 'burst'> = { messagesPerSecond: 0, burst: 0 },
): Promise<Relay> {
  const { id: applicationId } = await product.call<{ id: string }>('POST', '/applications', { name: 'Relay', limits });
  const base = `/applications/${applicationId}`;
  const integrate = async (name: string, { topics, config }: Configured): Promise<string> => {
    const body = { name, integrationType: driver.type, topics, [configFieldOf(driver.type)]: config };
    const { id } = await product.call<{ id: string }>('POST', `${base}/integrations`, body);
    return id;
  };
  const source = await server.source(`relay-in-${++names}`);
  const outlet = await server.outlet(`relay-out-${names}`);
  const [from, to] = [await integrate('From', source), await integrate('To', outlet)];
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
    nodes: [{ id: 'out', ...node, meta: { category: 'output', name: driver.type, label: 'Out' }, outputIds: [[]] }],
  });
  const stateOf = async (id: string): Promise<string> =>
    (await product.call<{ status: { state: string } }>('GET', `${base}/integrations/${id}`)).status.state;
  for (const id of [from, to]) await expect.poll(() => stateOf(id), { timeout: 30_000 }).toBe('connected');
  const path = `${base}/integrations/${from}`;
  return { source, outlet, application: base, path, ledger: () => product.call<LedgerAnswer>('GET', `${path}/ledger`) };
}
