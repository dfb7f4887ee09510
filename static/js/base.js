// What every page has. Each module waits for its own markup; a page works without any of them.

import "./theme.js";
import "./copy.js";
import "./dialog.js";
import "./menu.js";
import "./drawer.js";
import "./password.js";
import "./strength.js";
import "./submit.js";
import "./focus.js";
