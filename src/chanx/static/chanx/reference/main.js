// The reference page works without this: it adds search, copy buttons, colours and folding.

import { addCopyButtons, colourWhenSeen } from "./code.js";
import { followContents } from "./contents.js";
import { addFolding } from "./folding.js";
import { addSearch } from "./search.js";

addCopyButtons();
colourWhenSeen();
followContents();
addFolding();
addSearch();
