import { startRuntime } from '#lib/connector-runtime';
import { definitionOf } from '#lib/connectors';
import type { IntegrationType } from '#lib/contracts';
import { parseAllow } from '#lib/egress';
import { connectBus } from '#lib/messaging';
import type { Logger, Metrics, RunningService } from '#lib/platform';
import { loadMasterKey, SecretKeys } from '#lib/secrets';

export interface ConnectorOptions {
  readonly natsUrl: string;
  readonly replicaId: string;
  readonly standalone: boolean;
  readonly log: Logger;
  /** The provider whose integrations this process holds. */
  readonly type: IntegrationType;
  readonly masterKeyFile: string;
  /** `SLUICE_EGRESS_ALLOW`. */
  readonly egressAllow: string;
  readonly metrics: Metrics;
}

/** Loads the provider's client and holds its integrations. Rejects when a setting is wrong, or the bus can't be reached for 10 s. */
export async function openConnector(options: ConnectorOptions): Promise<RunningService> {
  const { type, replicaId, standalone, log, metrics } = options;
  const definition = definitionOf(type);
  const egress = parseAllow(options.egressAllow);
  const secrets = new SecretKeys(await loadMasterKey(options.masterKeyFile));
  const provider = await definition.load();
  const bus = await connectBus({ servers: options.natsUrl, name: `connector-${type}-${replicaId}`, shared: standalone });
  try {
    await bus.verify();
    const runtime = await startRuntime({ bus, definition, provider, replicaId, standalone, secrets, egress, metrics, log });
    return {
      ready: () => runtime.ready(),
      stop: async () => {
        await runtime.stop();
        await bus.close();
      },
    };
  } catch (error) {
    await bus.close();
    throw error;
  }
}
