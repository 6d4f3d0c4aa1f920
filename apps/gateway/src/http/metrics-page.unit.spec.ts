import { expect, it } from 'vitest';
import { createMetrics } from '#lib/platform';
import { metricsPage } from './metrics-page.ts';

it('describes a metric that two services share once, its samples together', async () => {
  const [one, two] = [createMetrics('one'), createMetrics('two')];
  one.counter('sluice_stored_total', 'Stored').inc(1);
  one.gauge('sluice_up', 'Up').set(1);
  two.counter('sluice_stored_total', 'Stored').inc(2);
  expect(await metricsPage([one.registry, two.registry])).toBe(`# HELP sluice_stored_total Stored
# TYPE sluice_stored_total counter
sluice_stored_total{service="one"} 1
sluice_stored_total{service="two"} 2
# HELP sluice_up Up
# TYPE sluice_up gauge
sluice_up{service="one"} 1
`);
});
