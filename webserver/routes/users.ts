/** `/admin/users`: who may sign in. One role so far, so whoever is signed in may change the others. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { forgetAdminPassword } from '../../src/auth/ensure-admin';
import { ThenceError } from '../../src/core/errors';
import { listUsers } from '../../src/read-model/cli/users';
import { actorOf, answerForm, field, notFound, param, sendPage, userOf } from '../ui/context';
import type { WebContext } from '../ui/context';

interface FormState {
  /** Null: a new one. */
  readonly name: string | null;
  readonly username: string;
  readonly error: string | null;
  readonly status?: number;
}

export function userRoutes(context: WebContext): Router {
  const router = Router();
  const { commands, config, database, links } = context;
  const list = links.to('/admin/users');

  router.get('/admin/users', async (request, response) => {
    const users = await listUsers(database);
    await sendPage(context, request, response, { view: 'pages/users', title: 'Users', nav: 'users', locals: { users } });
  });

  router.get('/admin/users/new', (request, response) => sendForm(context, request, response, { name: null, username: '', error: null }));

  router.post('/admin/users/new', async (request, response) => {
    const username = field(request, 'username');
    await orAgain(context, request, response, { name: null, username }, async () => {
      await commands.createUser({ username, password: passwordOf(request) }, actorOf(request));
      answerForm(request, response, list, `User ${username} is created.`);
    });
  });

  router.get('/admin/users/:name/edit', async (request, response) => {
    const name = param(request, 'name');
    const users = await listUsers(database);
    if (!users.some(({ username }) => username === name)) throw notFound(`There is no user "${name}".`);
    await sendForm(context, request, response, { name, username: name, error: null });
  });

  router.post('/admin/users/:name/edit', async (request, response) => {
    const name = param(request, 'name');
    await orAgain(context, request, response, { name, username: name }, async () => {
      await commands.setPassword({ username: name, password: passwordOf(request) }, actorOf(request));
      if (name === 'admin') forgetAdminPassword(config.home);
      // All sessions of that user are gone. If it is this one, answering with a notice stores it again: who changed the password knows it.
      answerForm(request, response, list, `User ${name} has another password.`);
    });
  });

  router.post('/admin/users/:name/delete', async (request, response) => {
    const name = param(request, 'name');
    if (name === userOf(request).username) throw new ThenceError('CONFLICT', 'This is you. Sign in as another user to delete this one.');
    await commands.deleteUser(name, actorOf(request));
    answerForm(request, response, list, `User ${name} is deleted.`);
  });
  return router;
}

/** As it was typed: it may begin or end with a space. */
function passwordOf(request: Request): string {
  const { password, again } = (request.body ?? {}) as Record<string, unknown>;
  if (typeof password !== 'string' || password !== again) throw new ThenceError('INVALID_VALUE', 'The two passwords are not the same.');
  return password;
}

/** What is refused is said above the form; a password is never sent back. */
async function orAgain(
  context: WebContext,
  request: Request,
  response: Response,
  state: Pick<FormState, 'name' | 'username'>,
  change: () => Promise<void>,
): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND') throw error;
    await sendForm(context, request, response, { ...state, error: error.message, status: error.status });
  }
}

function sendForm(context: WebContext, request: Request, response: Response, { status, ...state }: FormState): Promise<void> {
  const isReset = state.name === 'admin' && context.config.adminPassword !== null;
  const title = state.name === null ? 'New user' : `Password of ${state.name}`;
  return sendPage(context, request, response, {
    view: 'pages/user',
    title,
    nav: 'users',
    locals: { ...state, isReset },
    liveMs: null,
    status,
  });
}
