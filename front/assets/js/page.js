// What the pages beside the chat begin with: who is signed in, and what they may see.

import { api, Problem } from './api.js';
import { appearance } from './appearance.js';
import { showProblem } from './notices.js';
import { Renewal } from './session.js';

const toChat = () => location.replace('/');

/** Draws the page, and answers who is signed in; whoever is not is brought to the chat, where one signs in. */
export async function begin(draw) {
  appearance(draw);
  let me;
  try {
    me = await api.me();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) toChat();
    else showProblem(error);
    return null;
  }
  new Renewal(api.renew, toChat).start();
  document.body.dataset.signedIn = 'yes';
  return me;
}

export const isAdmin = (me) => (me.scope ?? []).includes('admin');
