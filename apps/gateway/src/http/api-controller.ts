import { Controller, Inject, Req, RequestMapping, RequestMethod, Res, type Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Operation } from '#lib/contracts';
import { HttpEdge } from './http-edge.ts';

/** The Nest controller of a table of operations: one route each, all served alike. */
export function apiController(operations: readonly Operation[]): Type<unknown> {
  @Controller()
  class ApiController {
    constructor(@Inject(HttpEdge) readonly edge: HttpEdge) {}
  }
  const { prototype } = ApiController;
  for (const operation of operations) {
    const descriptor: PropertyDescriptor = {
      value(this: ApiController, request: FastifyRequest, reply: FastifyReply): Promise<void> {
        return this.edge.serve(operation, request, reply);
      },
    };
    Object.defineProperty(prototype, operation.id, descriptor);
    RequestMapping({ path: operation.path, method: RequestMethod[operation.method] })(prototype, operation.id, descriptor);
    Req()(prototype, operation.id, 0);
    Res()(prototype, operation.id, 1);
  }
  return ApiController;
}
