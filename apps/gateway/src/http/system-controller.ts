import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Readiness, Registry } from '#lib/platform';
import { metricsPage } from './metrics-page.ts';

/** What the pages about the process show. */
export class SystemPages {
  constructor(
    readonly readiness: () => Readiness,
    readonly registries: readonly Registry[],
    readonly openApi: unknown,
  ) {}
}

/** Pages about the process itself: no token, no tenant. */
@Controller()
export class SystemController {
  constructor(@Inject(SystemPages) private readonly pages: SystemPages) {}

  @Get('/')
  root(): unknown {
    return { name: 'Sluice', openapi: '/openapi.json', ready: '/readyz' };
  }

  @Get('/openapi.json')
  openApi(): unknown {
    return this.pages.openApi;
  }

  @Get('/healthz')
  health(): unknown {
    return { status: 'ok' };
  }

  @Get('/readyz')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const { ok, reason } = this.pages.readiness();
    await reply.code(ok ? 200 : 503).send({ ready: ok, reasons: ok ? [] : [reason ?? 'not ready'] });
  }

  @Get('/metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const page = await metricsPage(this.pages.registries);
    await reply.header('content-type', this.pages.registries[0]?.contentType ?? 'text/plain').send(page);
  }
}
