// Whether single keys are shortcuts: a choice of the reader's, for both pages and all tabs.

const KEY = "chanx.keys";

let isOn = true;

/** Tells whether single keys do something while no field has the focus. */
export function hasKeys() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return isOn; // the browser gives no storage
  }
}

/** @param {boolean} wanted */
export function setKeys(wanted) {
  isOn = wanted;
  try {
    if (wanted) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "off");
  } catch {
    // For this page alone, then.
  }
}
