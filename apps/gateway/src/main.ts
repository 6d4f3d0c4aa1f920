import { runService } from '#lib/platform';
import { startGateway } from './index.ts';

/** The gateway as a process of its own. */
runService(
  'gateway',
  () => ({}),
  (settings) => startGateway({ ...settings, readiness: () => ({ ok: true }) }),
  { health: false },
);
