import { Heartbeat, type IntegrationStatus, StatusRecord, statusToWire } from '#lib/contracts';
import type { Bus } from '#lib/messaging';
import type { Logger } from '#lib/platform';
import type { z } from 'zod';

type Wire = Record<string, unknown>;

const UNREADABLE: IntegrationStatus = { state: 'unknown', reason: 'The status can not be read now.' };

/** Joins integrations with what their connector wrote last and whether it still lives. An answer never fails because its status can't be read. */
export class Statuses {
  constructor(
    private readonly bus: Pick<Bus, 'kv'>,
    private readonly log: Logger,
    private readonly now: () => number,
  ) {}

  async join(integration: Wire): Promise<Wire> {
    const key = `${String(integration['applicationId'])}.${String(integration['id'])}`;
    return await this.#orUnreadable([integration], async () => {
      const entry = await this.bus.kv('STATUS').get(key);
      const record = read(StatusRecord, entry?.value);
      const heartbeats = await this.#heartbeats(record === undefined ? [] : [record]);
      return () => statusToWire(record, record && heartbeats.get(holderKey(record)), this.now());
    }).then(([joined]) => joined ?? integration);
  }

  /** One read for the statuses of the application, one for each connector that holds some of them. */
  async joinAll(applicationId: string, integrations: readonly Wire[]): Promise<Wire[]> {
    if (integrations.length === 0) return [];
    return await this.#orUnreadable(integrations, async () => {
      const records = new Map<string, StatusRecord>();
      for (const entry of await this.bus.kv('STATUS').entries(applicationId)) {
        const record = read(StatusRecord, entry.value);
        if (record !== undefined) records.set(entry.key.slice(applicationId.length + 1), record);
      }
      const heartbeats = await this.#heartbeats([...records.values()]);
      return (id) => {
        const record = records.get(id);
        return statusToWire(record, record && heartbeats.get(holderKey(record)), this.now());
      };
    });
  }

  async #orUnreadable(integrations: readonly Wire[], load: () => Promise<(id: string) => IntegrationStatus>): Promise<Wire[]> {
    let statusOf: (id: string) => IntegrationStatus;
    try {
      statusOf = await load();
    } catch (error) {
      this.log.warn({ err: error }, 'statuses could not be read');
      statusOf = () => UNREADABLE;
    }
    return integrations.map((integration) => ({ ...integration, status: statusOf(String(integration['id'])) }));
  }

  async #heartbeats(records: readonly StatusRecord[]): Promise<Map<string, number>> {
    const keys = [...new Set(records.map(holderKey))];
    const leases = this.bus.kv('LEASES');
    const beats = await Promise.all(keys.map(async (key) => [key, read(Heartbeat, (await leases.get(key))?.value)?.at] as const));
    return new Map(beats.filter((beat): beat is readonly [string, number] => beat[1] !== undefined));
  }
}

const holderKey = ({ service, holder }: StatusRecord): string => `replica.${service}.${holder}`;

/** undefined: absent, or written by something that isn't of this version. */
function read<S extends z.ZodType>(schema: S, value: Uint8Array | undefined): z.output<S> | undefined {
  if (value === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(Buffer.from(value).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
