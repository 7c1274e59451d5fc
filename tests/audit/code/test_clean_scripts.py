"""Scripts as they should be: the scan says nothing."""

from __future__ import annotations

import pytest

from holdfast.audit.code import scan

HEAD = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split, cross_val_score, KFold, GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, MinMaxScaler, LabelEncoder, OneHotEncoder
df = pd.read_csv("loans.csv")
y = df["bad"]
X = df.drop(columns=["bad"])
"""

CLEAN = {
    "split, then fit on train": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
s = StandardScaler()
X_train = s.fit_transform(X_train)
X_test = s.transform(X_test)
model = LogisticRegression().fit(X_train, y_train)
print(model.score(X_test, y_test))
""",
    "pipeline in cross-validation": """
model = make_pipeline(StandardScaler(), LogisticRegression())
print(cross_val_score(model, X, y, cv=5))
""",
    "pipeline in cross-validation, then the final fit": """
model = Pipeline([("s", StandardScaler()), ("m", LogisticRegression())])
print(cross_val_score(model, X, y, cv=5))
model.fit(X, y)
""",
    "column transformer inside a pipeline inside a search": """
from sklearn.compose import ColumnTransformer
pre = ColumnTransformer([("n", StandardScaler(), ["a"]), ("c", OneHotEncoder(), ["b"])])
pipe = Pipeline([("pre", pre), ("m", LogisticRegression())])
X_train, X_test, y_train, y_test = train_test_split(X, y)
search = GridSearchCV(pipe, {"m__C": [1, 10]})
search.fit(X_train, y_train)
print(search.best_params_, search.score(X_test, y_test))
""",
    "pipeline fitted on train": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
pipe = make_pipeline(StandardScaler(), Ridge())
pipe.fit(X_train, y_train)
pipe.predict(X_test)
""",
    "folds, fitted inside": """
from sklearn.model_selection import StratifiedKFold
scores = []
for tr, te in StratifiedKFold(5).split(X, y):
    s = StandardScaler().fit(X.iloc[tr])
    model = LogisticRegression().fit(s.transform(X.iloc[tr]), y.iloc[tr])
    scores.append(model.score(s.transform(X.iloc[te]), y.iloc[te]))
print(np.mean(scores))
""",
    "time series folds, fitted inside": """
from sklearn.model_selection import TimeSeriesSplit
for fold, (tr, te) in enumerate(TimeSeriesSplit(5).split(X)):
    X_tr, X_te = X.iloc[tr], X.iloc[te]
    s = StandardScaler()
    X_tr = s.fit_transform(X_tr)
    X_te = s.transform(X_te)
""",
    "candidates compared by cross-validation": """
best = 0
for c in [0.1, 1, 10]:
    score = cross_val_score(LogisticRegression(C=c), X, y).mean()
    if score > best:
        best = score
""",
    "candidates compared by folds of a loop": """
from sklearn.metrics import roc_auc_score
best = 0
for c in [0.1, 1, 10]:
    found = []
    for tr, te in KFold(5).split(X):
        model = LogisticRegression(C=c).fit(X.iloc[tr], y.iloc[tr])
        found.append(roc_auc_score(y.iloc[te], model.predict_proba(X.iloc[te])[:, 1]))
    if np.mean(found) > best:
        best = np.mean(found)
""",
    "labels encoded before the split": """
y = LabelEncoder().fit_transform(y)
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "one-hot before the split": """
X = pd.get_dummies(X)
Z = OneHotEncoder().fit_transform(X)
X_train, X_test, y_train, y_test = train_test_split(Z, y)
""",
    "logarithm before the split": """
X = np.log1p(X)
X["ratio"] = X["a"] / X["b"]
X["hour"] = pd.to_datetime(X["when"]).dt.hour
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "mean over a row": """
X["mean"] = X[["a", "b"]].mean(axis=1)
X_train, X_test = train_test_split(X)
""",
    "mean only printed": """
print(df["a"].mean(), df.describe(), df.corr())
m = df["a"].mean()
print(m)
X_train, X_test = train_test_split(X)
""",
    "filled with the training mean": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
means = X_train.mean()
X_train = X_train.fillna(means)
X_test = X_test.fillna(means)
""",
    "scaled by hand with training numbers": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
mu, sd = X_train.mean(), X_train.std()
X_train = (X_train - mu) / sd
X_test = (X_test - mu) / sd
""",
    "filled with a constant": """
df["a"] = df["a"].fillna(0)
df = df.fillna(method="ffill").dropna()
train, test = train_test_split(df)
""",
    "target encoding from train": """
train, test = train_test_split(df)
rates = train.groupby("city")["bad"].mean()
train["city"] = train["city"].map(rates)
test["city"] = test["city"].map(rates)
""",
    "counts by group": """
df["n"] = df.groupby("city")["amount"].transform("count")
train, test = train_test_split(df)
""",
    "smote on train": """
from imblearn.over_sampling import SMOTE
X_train, X_test, y_train, y_test = train_test_split(X, y)
X_res, y_res = SMOTE().fit_resample(X_train, y_train)
model = LogisticRegression().fit(X_res, y_res)
print(model.score(X_test, y_test))
""",
    "smote in a pipeline": """
from imblearn.pipeline import Pipeline as ImbPipeline
from imblearn.over_sampling import SMOTE
pipe = ImbPipeline([("s", SMOTE()), ("m", LogisticRegression())])
print(cross_val_score(pipe, X, y))
""",
    "upsampling of train": """
from sklearn.utils import resample
train, test = train_test_split(df)
more = resample(train[train.bad == 1], replace=True, n_samples=500)
train = pd.concat([train, more])
""",
    "bootstrap of test scores": """
from sklearn.utils import resample
from sklearn.metrics import roc_auc_score
X_train, X_test, y_train, y_test = train_test_split(X, y)
p = LogisticRegression().fit(X_train, y_train).predict_proba(X_test)[:, 1]
found = []
for i in range(1000):
    a, b = resample(y_test, p)
    found.append(roc_auc_score(a, b))
print(np.percentile(found, 5))
""",
    "selection on train": """
from sklearn.feature_selection import SelectKBest
X_train, X_test, y_train, y_test = train_test_split(X, y)
sel = SelectKBest(k=10).fit(X_train, y_train)
X_train, X_test = sel.transform(X_train), sel.transform(X_test)
""",
    "selection in a pipeline": """
from sklearn.feature_selection import SelectKBest
pipe = make_pipeline(SelectKBest(k=10), LogisticRegression())
print(cross_val_score(pipe, X, y))
""",
    "importances only drawn": """
from sklearn.ensemble import RandomForestClassifier
X_train, X_test, y_train, y_test = train_test_split(X, y)
rf = RandomForestClassifier().fit(X_train, y_train)
print(rf.feature_importances_)
print(rf.score(X_test, y_test))
""",
    "train, validation and test": """
X_train, X_rest, y_train, y_rest = train_test_split(X, y)
X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest)
best, kept = 0, None
for c in [0.1, 1, 10]:
    model = LogisticRegression(C=c).fit(X_train, y_train)
    score = model.score(X_val, y_val)
    if score > best:
        best, kept = score, model
print(kept.score(X_test, y_test))
""",
    "early stopping on validation": """
from lightgbm import LGBMClassifier, early_stopping
X_train, X_test, y_train, y_test = train_test_split(X, y)
X_train, X_val, y_train, y_val = train_test_split(X_train, y_train)
model = LGBMClassifier()
model.fit(X_train, y_train, eval_set=[(X_val, y_val)], callbacks=[early_stopping(10)])
print(model.score(X_test, y_test))
""",
    "test rows only watched": """
from tensorflow import keras
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = keras.Sequential([])
history = model.fit(X_train, y_train, validation_data=(X_test, y_test), epochs=10)
print(model.evaluate(X_test, y_test))
""",
    "final fit on everything after the test": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = LogisticRegression().fit(X_train, y_train)
print(model.score(X_test, y_test))
final = LogisticRegression().fit(X, y)
""",
    "final scaler after the test": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
print(pipe.score(X_test, y_test))
Z = StandardScaler().fit_transform(X)
final = LogisticRegression().fit(Z, y)
""",
    "last update with the test rows after the test": """
from sklearn.linear_model import SGDClassifier
X_train, X_test, y_train, y_test = train_test_split(X, y)
clf = SGDClassifier()
clf.partial_fit(X_train, y_train)
print(clf.score(X_test, y_test))
clf = clf.partial_fit(X_test, y_test)
""",
    "calibration on validation rows": """
from sklearn.calibration import CalibratedClassifierCV
X_train, X_val, y_train, y_val = train_test_split(X, y)
model = LogisticRegression().fit(X_train, y_train)
cal = CalibratedClassifierCV(model, cv="prefit").fit(X_val, y_val)
""",
    "train and test scores side by side": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = Ridge().fit(X_train, y_train)
print(model.score(X_train, y_train), model.score(X_test, y_test))
""",
    "two models compared": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
a = Ridge().fit(X_train, y_train)
b = LogisticRegression().fit(X_train, y_train)
print(a.score(X_test, y_test), b.score(X_test, y_test))
""",
    "scaler of train used in folds of train": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
s = StandardScaler().fit(X_train)
search = GridSearchCV(Ridge(), {"alpha": [1, 10]})
search.fit(s.transform(X_train), y_train)
print(search.score(s.transform(X_test), y_test))
""",
    "r squared by hand": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
pred = Ridge().fit(X_train, y_train).predict(X_test)
total = ((y_test - y_test.mean()) ** 2).sum()
print(1 - ((y_test - pred) ** 2).sum() / total)
""",
    "cut by date": """
cut = df["day"].quantile(0.8)
train = df[df["day"] < "2020-01-01"]
test = df[df["day"] >= "2020-01-01"]
s = StandardScaler().fit(train)
test = s.transform(test)
""",
    "two files": """
train = pd.read_csv("train.csv")
test = pd.read_csv("test.csv")
s = StandardScaler()
train = s.fit_transform(train)
test = s.transform(test)
""",
    "functions": """
def fit_scaler(a):
    return StandardScaler().fit(a)

def prepare(scaler, a):
    return scaler.transform(a)

X_train, X_test, y_train, y_test = train_test_split(X, y)
scaler = fit_scaler(X_train)
X_train, X_test = prepare(scaler, X_train), prepare(scaler, X_test)
""",
    "the same function for both parts": """
def clean(frame):
    frame = frame.dropna()
    frame["a"] = frame["a"].clip(0, 100)
    return frame

train, test = train_test_split(df)
train, test = clean(train), clean(test)
""",
    "a class with fit and predict": """
class Model:
    def __init__(self):
        self.scaler = StandardScaler()
        self.inner = Ridge()
    def fit(self, X, y):
        self.inner.fit(self.scaler.fit_transform(X), y)
        return self
    def predict(self, X):
        return self.inner.predict(self.scaler.transform(X))

X_train, X_test, y_train, y_test = train_test_split(X, y)
model = Model().fit(X_train, y_train)
model.predict(X_test)
""",
    "text pipeline": """
from sklearn.feature_extraction.text import TfidfVectorizer
train, test = train_test_split(df)
vec = TfidfVectorizer()
A = vec.fit_transform(train["text"])
B = vec.transform(test["text"])
""",
    "group folds": """
from sklearn.model_selection import GroupKFold, cross_validate
pipe = make_pipeline(StandardScaler(), Ridge())
print(cross_validate(pipe, X, y, groups=df["id"], cv=GroupKFold(5)))
""",
    "shuffled before the split": """
df = df.sample(frac=1, random_state=0).reset_index(drop=True)
train, test = train_test_split(df)
""",
    "curves of the test rows in a loop over fitted models": """
from sklearn.metrics import roc_curve, auc
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = LogisticRegression().fit(X_train, y_train)
for part in ["a", "b"]:
    fpr, tpr, _ = roc_curve(y_test, model.predict_proba(X_test)[:, 1])
    print(auc(fpr, tpr))
""",
    "clustering, no split at all": """
Z = StandardScaler().fit_transform(X)
from sklearn.cluster import KMeans
print(KMeans(3).fit_predict(Z))
""",
    "no machine learning": """
for i in range(10):
    if i > 3:
        print(i)
""",
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_a_script_without_a_leak_is_left_alone(name):
    assert [f.sentence for f in scan(HEAD + CLEAN[name])] == []
