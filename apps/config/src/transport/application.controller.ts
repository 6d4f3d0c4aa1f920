import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { commandSubject, querySubject, type Reply } from '#lib/contracts';
import {
  createApplication,
  updateApplication,
  deleteApplication,
  getApplication,
  listApplications,
  setGlobals,
} from '../handlers/applications.ts';
import { Answering } from './answering.ts';

const command = (name: string): string => commandSubject('application', name);
const query = (name: string): string => querySubject('application', name);

@Controller()
export class ApplicationController {
  constructor(private readonly answering: Answering) {}

  @MessagePattern(command('create'), Transport.NATS)
  create(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('create'), envelope, createApplication);
  }

  @MessagePattern(command('update'), Transport.NATS)
  update(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('update'), envelope, updateApplication);
  }

  @MessagePattern(command('delete'), Transport.NATS)
  delete(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('delete'), envelope, deleteApplication);
  }

  @MessagePattern(query('get'), Transport.NATS)
  get(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('get'), envelope, getApplication);
  }

  @MessagePattern(query('list'), Transport.NATS)
  list(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('list'), envelope, listApplications);
  }

  @MessagePattern(command('setGlobals'), Transport.NATS)
  setGlobals(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('setGlobals'), envelope, setGlobals);
  }
}
