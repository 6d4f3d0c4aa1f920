import type { IntegrationType } from '#lib/contracts';
import type { Counter, Gauge, Metrics } from '#lib/platform';

/** What every connector shows, the same for each provider. Labels are fixed words, never ids. */
export interface ConnectorMetrics {
  readonly received: Counter;
  readonly stored: Counter;
  /** duplicate, oversize, surplus, unstorable */
  readonly notStored: Counter<'reason'>;
  readonly storeRetries: Counter<'reason'>;
  readonly attempts: Counter<'outcome'>;
  readonly links: Gauge;
  readonly integrations: Gauge;
  readonly sends: Counter<'verdict'>;
  readonly drained: Counter<'outcome'>;
}

export function connectorMetrics(metrics: Metrics, provider: IntegrationType): ConnectorMetrics {
  metrics.registry.setDefaultLabels({ service: 'connector', provider });
  return {
    received: metrics.counter('sluice_connector_received_total', 'Messages received from the provider'),
    stored: metrics.counter('sluice_connector_stored_total', 'Messages stored on the bus'),
    notStored: metrics.counter('sluice_connector_not_stored_total', 'Messages that were not stored, by reason', ['reason']),
    storeRetries: metrics.counter('sluice_connector_store_retries_total', 'Publishes that had to be repeated, by reason', ['reason']),
    attempts: metrics.counter('sluice_connector_attempts_total', 'Connection attempts by outcome', ['outcome']),
    links: metrics.gauge('sluice_connector_links', 'Links that are up'),
    integrations: metrics.gauge('sluice_connector_integrations', 'Integrations held'),
    sends: metrics.counter('sluice_connector_sends_total', 'Sends by verdict', ['verdict']),
    drained: metrics.counter('sluice_connector_drained_total', 'Queued outputs by outcome', ['outcome']),
  };
}
